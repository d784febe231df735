package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestAnEventIsNamedAfterWhatHappened(t *testing.T) {
	names := map[string]string{
		"PlaceOrder": "OrderPlaced", "CapturePayment": "PaymentCaptured", "PayInvoice": "InvoicePaid", "CancelOrder": "OrderCancelled",
		"OpenShop": "ShopOpened", "ApplyDiscountCode": "DiscountCodeApplied", "DeployMenu2": "Menu2Deployed",
	}
	for command, expected := range names {
		if got, err := EventType(command); err != nil || got != expected {
			t.Errorf("%s became %q (%v), not %q", command, got, err, expected)
		}
	}
}

func TestACommandNeedsAVerbAndANoun(t *testing.T) {
	for _, command := range []string{"", "order", "Order", "place-order", "PlaceOrder.", "Place Order", "P" + strings.Repeat("a", 100) + "Order"} {
		if got, err := EventType(command); err == nil {
			t.Errorf("%q was taken as %q", command, got)
		}
	}
}

func TestTheCommandsIdBecomesTheEvents(t *testing.T) {
	id := uuid.New()
	event, err := FromCommand(Command{ID: &id, Type: "PlaceOrder"}, "orders", time.Now())
	if err != nil || event.ID != id || event.Source != "orders" || string(event.Data) != "{}" {
		t.Fatalf("%+v %v", event, err)
	}
	other, _ := FromCommand(Command{Type: "PlaceOrder"}, "orders", time.Now())
	if other.ID == uuid.Nil || other.ID == id {
		t.Fatal("a command without an id gets one of its own")
	}
}

func TestDataThatCannotBeStoredIsRefused(t *testing.T) {
	for _, data := range []string{`[1]`, `"text"`, `7`, `{"name": "a\u0000b"}`} {
		if _, err := FromCommand(Command{Type: "PlaceOrder", Data: json.RawMessage(data)}, "orders", time.Now()); err == nil {
			t.Errorf("%s was taken", data)
		}
	}
}

func TestAnEventSurvivesItsJourney(t *testing.T) {
	sent, _ := FromCommand(Command{Type: "PlaceOrder", Data: json.RawMessage(`{"amount":3}`)}, "orders", time.Now())
	body, _ := json.Marshal(sent)
	got, err := FromMessage(body)
	if err != nil || got.ID != sent.ID || string(got.Data) != string(sent.Data) || !got.OccurredAt.Equal(sent.OccurredAt) {
		t.Fatalf("%+v became %+v (%v)", sent, got, err)
	}
}

func TestAMessageThatIsNoEventIsRefused(t *testing.T) {
	id := uuid.NewString()
	for _, body := range []string{"", "hello", "{}", `{"id": "7"}`, `{"id": "` + id + `"}`, `{"id": "` + id + `", "type": "A"}`,
		`{"id": "` + id + `", "type": "A", "source": "b"}`} {
		if _, err := FromMessage([]byte(body)); err == nil {
			t.Errorf("%q was taken", body)
		}
	}
}

func TestABackslashBeforeTheDigitsIsNoNulCharacter(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a":"\u0000"}`: false, `{"a":"b\u0000"}`: false, `{"a":"\\\u0000"}`: false, `{"a":"C:\\u0000"}`: true, `{"a":"\\\\u0000"}`: true,
	} {
		if _, err := FromCommand(Command{Type: "PlaceOrder", Data: json.RawMessage(text)}, "orders", time.Now()); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
