package broker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	amqp "github.com/rabbitmq/amqp091-go"

	"ly.highstreet/reference-service/internal/events"
)

type inbox func(events.Event) (bool, error)

func (i inbox) Receive(_ context.Context, event events.Event) (bool, error) { return i(event) }

type answers struct{ acknowledged, rejected, requeued int }

func (a *answers) Ack(uint64, bool) error { a.acknowledged++; return nil }
func (a *answers) Nack(_ uint64, _ bool, requeue bool) error {
	return a.Reject(0, requeue)
}
func (a *answers) Reject(_ uint64, requeue bool) error {
	if requeue {
		a.requeued++
	} else {
		a.rejected++
	}
	return nil
}

func deliver(t *testing.T, body []byte, into inbox) answers {
	t.Helper()
	var got answers
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	receiver := NewReceiver("orders", []string{"shops"}, into, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if err := receiver.handle(ctx, amqp.Delivery{Acknowledger: &got, Body: body}); err != nil {
		t.Fatal(err)
	}
	return got
}

func body() []byte {
	text, _ := json.Marshal(events.Event{ID: uuid.New(), Type: "ShopOpened", Source: "shops", OccurredAt: time.Now()})
	return text
}

func TestAnEventIsAcknowledgedOnceItIsStored(t *testing.T) {
	if got := deliver(t, body(), func(events.Event) (bool, error) { return true, nil }); got != (answers{acknowledged: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestARepetitionIsAcknowledgedToo(t *testing.T) {
	if got := deliver(t, body(), func(events.Event) (bool, error) { return false, nil }); got != (answers{acknowledged: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestWhatIsNoEventGoesToTheDeadLetters(t *testing.T) {
	never := func(events.Event) (bool, error) { t.Error("it was stored"); return false, nil }
	if got := deliver(t, []byte("poison"), never); got != (answers{rejected: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestWhatTheDatabaseCanNeverStoreGoesToTheDeadLetters(t *testing.T) {
	refuse := func(events.Event) (bool, error) { return false, &pgconn.PgError{Code: "22P05"} }
	if got := deliver(t, body(), refuse); got != (answers{rejected: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestAnEventWaitsWhileTheDatabaseIsDown(t *testing.T) {
	tries := 0
	back := func(events.Event) (bool, error) {
		if tries++; tries < 3 {
			return false, errors.New("connection refused")
		}
		return true, nil
	}
	if got := deliver(t, body(), back); got != (answers{acknowledged: 1}) || tries != 3 {
		t.Fatalf("%+v after %d tries", got, tries)
	}
}
