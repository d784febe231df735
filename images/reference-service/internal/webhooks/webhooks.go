// Package webhooks tells a vendor's own events from forged ones, and makes events of the context from them.
package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"

	"ly.highstreet/reference-service/internal/events"
)

const (
	// Stripe is what happens in the platform's own account.
	Stripe = "stripe"
	// StripeConnect is what happens in the shops' accounts.
	StripeConnect = "stripe-connect"
	// ChargeBee is what happens to subscriptions.
	ChargeBee = "chargebee"

	// BodyBytesMax is the largest event that is taken; Stripe's largest are some tens of KiB.
	BodyBytesMax = 256 << 10
)

// Webhook is one of a vendor's webhooks: its name is the end of its path, and User is empty where the secret signs.
type Webhook struct {
	Name   string
	User   string
	Secret string
}

// Check proves that the vendor sent a request; the error wraps ErrCredentials or says what is wrong with the signature.
func (w Webhook) Check(header http.Header, body []byte, now time.Time) error {
	if w.Name == ChargeBee {
		return checkBasic(header.Get("Authorization"), w.User, w.Secret)
	}
	return checkSignature(header.Get("Stripe-Signature"), body, w.Secret, now)
}

// ProvenByHeaders says whether Check needs no body, so that a stranger's is not even read.
func (w Webhook) ProvenByHeaders() bool {
	return w.Name == ChargeBee
}

// Both vendors' names for what happened; Stripe has types such as v2.core.account[requirements].updated.
var (
	vendorID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	vendorType = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,200}$`)
)

// A namespace of this platform's own for ids made from names (RFC 9562, version 5). Changing it would take old events for new ones.
var namespace = uuid.MustParse("5b0a1f0e-6f5d-4b58-9d0c-3a1c6e0f7b21")

// received is all that is kept of a vendor's event: which one it is. What it says of cards and persons stays with the vendor.
type received struct {
	Vendor   string `json:"vendor"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Account  string `json:"account,omitempty"`
	LiveMode *bool  `json:"livemode,omitempty"`
}

// Event is what a proven body means to the context. Its id comes from the vendor's, so that a repetition is known again.
func (w Webhook) Event(body []byte, context string, now time.Time) (events.Event, error) {
	kind, read := "StripeEventReceived", readStripe
	if w.Name == ChargeBee {
		kind, read = "ChargeBeeEventReceived", readChargeBee
	}
	found, err := read(body)
	if err != nil {
		return events.Event{}, err
	}
	switch {
	case !vendorID.MatchString(found.ID):
		return events.Event{}, errors.New("the event has no id, or not one of the vendor's")
	case !vendorType.MatchString(found.Type):
		return events.Event{}, errors.New("the event has no type, or not one of the vendor's")
	case found.Account != "" && !vendorID.MatchString(found.Account):
		return events.Event{}, errors.New("account: is none of the vendor's")
	case w.Name == StripeConnect && found.Account == "":
		return events.Event{}, errors.New("the event names no account; those of the platform's own belong to the other webhook")
	}
	data, err := json.Marshal(found)
	if err != nil {
		return events.Event{}, err
	}
	id := uuid.NewSHA1(namespace, []byte(found.Vendor+":"+found.ID))
	return events.Event{ID: id, Type: kind, Source: context, Data: data, OccurredAt: now.UTC()}, nil
}

// https://docs.stripe.com/api/events/object
func readStripe(body []byte) (received, error) {
	var event struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Account  string `json:"account"`
		LiveMode *bool  `json:"livemode"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return received{}, fmt.Errorf("the body is no event: %w", err)
	}
	return received{Vendor: "stripe", ID: event.ID, Type: event.Type, Account: event.Account, LiveMode: event.LiveMode}, nil
}

// https://apidocs.chargebee.com/docs/api/events
func readChargeBee(body []byte) (received, error) {
	var event struct {
		ID   string `json:"id"`
		Type string `json:"event_type"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return received{}, fmt.Errorf("the body is no event: %w", err)
	}
	return received{Vendor: "chargebee", ID: event.ID, Type: event.Type}, nil
}
