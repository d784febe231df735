package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"ly.highstreet/reference-service/internal/events"
)

const (
	batch          = 100
	lookAgain      = time.Second
	confirmTimeout = 10 * time.Second
)

// Outbox is where unpublished events wait.
type Outbox interface {
	PublishPending(ctx context.Context, limit int, publish func([]events.Event) error) (int, error)
}

// Publisher sends a context's events to its exchange.
type Publisher struct {
	Exchange string
	outbox   Outbox
	log      *slog.Logger
	wake     chan struct{}
}

// NewPublisher prepares the publisher of a context.
func NewPublisher(name string, outbox Outbox, log *slog.Logger) *Publisher {
	return &Publisher{Exchange: name + ".events", outbox: outbox, log: log, wake: make(chan struct{}, 1)}
}

// Wake tells the publisher that the outbox has something new. Without it, it looks once a second.
func (p *Publisher) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Check declares the exchange: the broker's answer is a real one, and an exchange that somebody deleted is back.
func (p *Publisher) Check(channel *amqp.Channel) error {
	return channel.ExchangeDeclare(p.Exchange, amqp.ExchangeTopic, true, false, false, false, nil)
}

// Session declares the exchange and publishes until ctx ends or the connection breaks.
func (p *Publisher) Session(ctx context.Context, conn *amqp.Connection) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := channel.ExchangeDeclare(p.Exchange, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declaring %s: %w", p.Exchange, err)
	}
	if err := channel.Confirm(false); err != nil {
		return err
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		if err := p.drain(ctx, channel); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			// What was stored while the last requests ended still goes out.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return p.drain(last, channel)
		case <-p.wake:
		case <-tick.C:
		}
	}
}

// drain publishes until the outbox is empty. A broken database is no reason to leave the broker: the next look may find it whole.
func (p *Publisher) drain(ctx context.Context, channel *amqp.Channel) error {
	for {
		var broken error
		count, err := p.outbox.PublishPending(ctx, batch, func(pending []events.Event) error {
			broken = p.publish(ctx, channel, pending)
			return broken
		})
		if broken != nil {
			return broken
		}
		if err != nil {
			if ctx.Err() == nil {
				p.log.Warn("the outbox cannot be read; trying again", "error", err.Error())
			}
			return nil
		}
		if count > 0 {
			p.log.Info("published", "events", count)
		}
		if count < batch {
			return nil
		}
	}
}

// publish sends events and waits until the broker has confirmed each of them.
func (p *Publisher) publish(ctx context.Context, channel *amqp.Channel, pending []events.Event) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	confirmations := make([]*amqp.DeferredConfirmation, 0, len(pending))
	for _, event := range pending {
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, p.Exchange, event.Type, false, false, amqp.Publishing{
			MessageId: event.ID.String(), Type: event.Type, AppId: event.Source, Timestamp: event.OccurredAt,
			ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: body,
		})
		if err != nil {
			return err
		}
		confirmations = append(confirmations, confirmation)
	}
	for _, confirmation := range confirmations {
		confirmed, err := confirmation.WaitContext(ctx)
		if err != nil {
			return err
		}
		if !confirmed {
			return errors.New("the broker refused an event")
		}
	}
	return nil
}
