package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"ly.highstreet/reference-service/internal/events"
	"ly.highstreet/reference-service/internal/store"
)

const (
	prefetch      = 20
	deliveryLimit = 20 // then a message that ends its receiver each time goes to the dead letters; RabbitMQ 4's own default
	// What is published before a queue is bound is lost to it, so the first binding comes soon, and so does one to an exchange made anew.
	bindSoon  = time.Second
	bindAgain = 5 * time.Second
)

// Inbox takes an event once, however often it arrives.
type Inbox interface {
	Receive(ctx context.Context, event events.Event) (bool, error)
}

// Receiver consumes the events of other contexts.
type Receiver struct {
	Queue string
	Dead  string
	from  []string
	inbox Inbox
	log   *slog.Logger

	mu      sync.Mutex
	missing []string
}

// NewReceiver prepares the receiver of a context that subscribes to others.
func NewReceiver(name string, subscribesTo []string, inbox Inbox, log *slog.Logger) *Receiver {
	return &Receiver{Queue: name + ".inbox", Dead: name + ".dead", from: subscribesTo, inbox: inbox, log: log, missing: subscribesTo}
}

// Missing are the contexts whose exchange does not exist yet.
func (r *Receiver) Missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.missing)
}

// Check asks for the queue.
func (r *Receiver) Check(channel *amqp.Channel) error {
	_, err := channel.QueueDeclarePassive(r.Queue, true, false, false, false, r.queueArguments())
	return err
}

func (r *Receiver) queueArguments() amqp.Table {
	return amqp.Table{
		"x-queue-type":              "quorum",
		"x-dead-letter-exchange":    r.Dead,
		"x-dead-letter-routing-key": r.Dead,
		"x-dead-letter-strategy":    "at-least-once",
		"x-overflow":                "reject-publish", // at-least-once asks for it
		"x-delivery-limit":          deliveryLimit,
	}
}

// Session declares the queue, binds it and consumes until ctx ends or the connection breaks.
func (r *Receiver) Session(ctx context.Context, conn *amqp.Connection) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := r.declare(channel); err != nil {
		return err
	}
	if err := channel.Qos(prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(r.Queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	go r.keepBound(ctx, conn)
	for {
		select {
		case <-ctx.Done():
			return nil
		case delivery, open := <-deliveries:
			if !open {
				return errors.New("the broker ended the subscription")
			}
			if err := r.handle(ctx, delivery); err != nil {
				return err
			}
		}
	}
}

func (r *Receiver) declare(channel *amqp.Channel) error {
	if err := channel.ExchangeDeclare(r.Dead, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declaring %s: %w", r.Dead, err)
	}
	if _, err := channel.QueueDeclare(r.Dead, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return fmt.Errorf("declaring %s: %w", r.Dead, err)
	}
	if err := channel.QueueBind(r.Dead, "", r.Dead, false, nil); err != nil {
		return fmt.Errorf("binding %s: %w", r.Dead, err)
	}
	if _, err := channel.QueueDeclare(r.Queue, true, false, false, false, r.queueArguments()); err != nil {
		return fmt.Errorf("declaring %s: %w", r.Queue, err)
	}
	return nil
}

// keepBound binds the queue to the others' exchanges, soon again while one does not exist: only its own context may declare it.
func (r *Receiver) keepBound(ctx context.Context, conn *amqp.Connection) {
	before := -1
	for ctx.Err() == nil {
		missing := r.bind(conn)
		r.mu.Lock()
		r.missing = missing
		r.mu.Unlock()
		if len(missing) != before {
			r.log.Info("subscribed", "to", len(r.from)-len(missing), "waiting_for", missing)
		}
		before = len(missing)
		if len(missing) > 0 {
			sleep(ctx, bindSoon)
			continue
		}
		sleep(ctx, bindAgain)
	}
}

func (r *Receiver) bind(conn *amqp.Connection) []string {
	missing := []string{}
	for _, name := range r.from {
		// A refused binding closes its channel.
		channel, err := conn.Channel()
		if err != nil {
			return r.from
		}
		if err := channel.QueueBind(r.Queue, "#", name+".events", false, nil); err != nil {
			missing = append(missing, name)
			var refused *amqp.Error
			if !errors.As(err, &refused) || refused.Code != amqp.NotFound {
				r.log.Error("the subscription was refused", "to", name, "error", err.Error())
			}
		}
		_ = channel.Close()
	}
	return missing
}

// handle takes one message into the inbox. What can never be taken goes to the dead letters; while the database is down it waits.
func (r *Receiver) handle(ctx context.Context, delivery amqp.Delivery) error {
	event, err := events.FromMessage(delivery.Body)
	if err != nil {
		return r.reject(delivery, err)
	}
	var waits backoff
	for {
		added, err := r.inbox.Receive(ctx, event)
		switch {
		case err == nil:
			r.log.Info("received", "event", event.ID, "type", event.Type, "from", event.Source, "new", added)
			return delivery.Ack(false)
		case store.IsHopeless(err):
			return r.reject(delivery, err)
		case ctx.Err() != nil:
			return nil // unacknowledged, so the broker gives it to another
		}
		r.log.Warn("the event cannot be stored; trying again", "event", event.ID, "error", err.Error())
		waits.wait(ctx)
	}
}

func (r *Receiver) reject(delivery amqp.Delivery, reason error) error {
	r.log.Error("sent to the dead letters", "message", delivery.MessageId, "queue", r.Dead, "error", reason.Error())
	return delivery.Reject(false)
}
