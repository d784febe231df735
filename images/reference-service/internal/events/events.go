// Package events holds what crosses the border of a context: commands coming in, events going out.
package events

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Event is something that happened in a context; it is also the body of its message.
type Event struct {
	ID         uuid.UUID       `json:"id"`
	Type       string          `json:"type"`
	Source     string          `json:"source"`
	Data       json.RawMessage `json:"data"`
	OccurredAt time.Time       `json:"occurred_at"`
}

// Command asks a context to do something. Its ID becomes the event's, so that a repeated command is stored once.
type Command struct {
	ID   *uuid.UUID      `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

var commandType = regexp.MustCompile(`^([A-Z][a-z]+)([A-Z][A-Za-z0-9]*)$`)

// After an even number of backslashes only: `\\u0000` in JSON is a backslash and five letters and digits.
var nul = regexp.MustCompile(`(^|[^\\])(\\\\)*\\u0000`)

var irregular = map[string]string{"Pay": "Paid", "Send": "Sent", "Take": "Taken", "Make": "Made", "Set": "Set", "Put": "Put", "Give": "Given",
	"Cancel": "Cancelled", "Ship": "Shipped", "Hold": "Held", "Withdraw": "Withdrawn", "Buy": "Bought", "Sell": "Sold"}

// EventType is what has happened when a command was obeyed: PlaceOrder becomes OrderPlaced.
func EventType(command string) (string, error) {
	parts := commandType.FindStringSubmatch(command)
	if parts == nil || len(command) > 100 {
		return "", fmt.Errorf("type: %q should be a verb and a noun, for example PlaceOrder", command)
	}
	return parts[2] + participle(parts[1]), nil
}

func participle(verb string) string {
	if known, ok := irregular[verb]; ok {
		return known
	}
	last := verb[len(verb)-1]
	switch {
	case last == 'e':
		return verb + "d"
	case last == 'y' && !strings.ContainsRune("aeiou", rune(verb[len(verb)-2])):
		return verb[:len(verb)-1] + "ied"
	default:
		return verb + "ed"
	}
}

// FromCommand is the event that a command causes in a context; the error says what is wrong with the command.
func FromCommand(command Command, context string, now time.Time) (Event, error) {
	kind, err := EventType(command.Type)
	if err != nil {
		return Event{}, err
	}
	data, err := object(command.Data)
	if err != nil {
		return Event{}, err
	}
	id := uuid.New()
	if command.ID != nil {
		id = *command.ID
	}
	return Event{ID: id, Type: kind, Source: context, Data: data, OccurredAt: now.UTC()}, nil
}

func object(data json.RawMessage) (json.RawMessage, error) {
	text := strings.TrimSpace(string(data))
	if text == "" || text == "null" {
		return json.RawMessage("{}"), nil
	}
	if text[0] != '{' {
		return nil, fmt.Errorf("data: should be an object, for example {\"shop\": \"…\"}")
	}
	// PostgreSQL's jsonb cannot hold this character; such an event could never be stored.
	if nul.MatchString(text) {
		return nil, fmt.Errorf("data: holds the character \\u0000, which cannot be stored")
	}
	return data, nil
}

// FromMessage reads a message's body; the error means that no retry can help.
func FromMessage(body []byte) (Event, error) {
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return Event{}, fmt.Errorf("the body is no event: %w", err)
	}
	switch {
	case event.ID == uuid.Nil:
		return Event{}, fmt.Errorf("the event has no id")
	case event.Type == "":
		return Event{}, fmt.Errorf("the event has no type")
	case event.Source == "":
		return Event{}, fmt.Errorf("the event has no source")
	case event.OccurredAt.IsZero():
		return Event{}, fmt.Errorf("the event has no occurred_at")
	}
	data, err := object(event.Data)
	event.Data = data
	return event, err
}
