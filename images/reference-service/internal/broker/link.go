// Package broker keeps a connection to RabbitMQ, publishes what the store's outbox holds, and receives other contexts' events.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout = 5 * time.Second
	heartbeat   = 5 * time.Second
	settled     = 10 * time.Second // a session that lasted this long was no failure to start
)

var errNotConnected = errors.New("not connected")

// Link is a connection to the broker that is made anew whenever it breaks.
type Link struct {
	url     string
	name    string
	tls     *tls.Config
	log     *slog.Logger
	mu      sync.Mutex
	conn    *amqp.Connection
	channel *amqp.Channel // for checks
	problem error
}

// NewLink prepares a connection; Run makes it. authority is a PEM certificate, or empty for the system's.
func NewLink(url, name string, authority []byte, log *slog.Logger) (*Link, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(authority) > 0 {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(authority) {
			return nil, errors.New("BROKER_CA: the file holds no certificate in PEM")
		}
	}
	return &Link{url: url, name: name, tls: trust, log: log, problem: errNotConnected}, nil
}

// Run connects and runs session, again and again until ctx ends.
func (l *Link) Run(ctx context.Context, session func(context.Context, *amqp.Connection) error) {
	var waits backoff
	for ctx.Err() == nil {
		started := time.Now()
		err := l.once(ctx, session)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > settled {
			waits.reset()
		}
		l.set(nil, err)
		l.log.Warn("the broker is not to be had; trying again", "error", err.Error())
		waits.wait(ctx)
	}
}

func (l *Link) once(ctx context.Context, session func(context.Context, *amqp.Connection) error) error {
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(l.name)
	conn, err := amqp.DialConfig(l.url, amqp.Config{
		Heartbeat: heartbeat, Dial: amqp.DefaultDial(dialTimeout), TLSClientConfig: l.tls, Properties: properties,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		// The library closes the channel without a value when we close the connection ourselves.
		if reason, ok := <-conn.NotifyClose(make(chan *amqp.Error, 1)); ok {
			cancel(reason)
		} else {
			cancel(errNotConnected)
		}
	}()
	l.set(conn, nil)
	l.log.Info("connected to the broker")
	err = session(ctx, conn)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (l *Link) set(conn *amqp.Connection, problem error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.channel, l.problem = conn, nil, problem
}

// Check asks the broker for something over a channel, and waits for the answer until ctx ends.
func (l *Link) Check(ctx context.Context, ask func(*amqp.Channel) error) error {
	answered := make(chan error, 1)
	go func() {
		answered <- l.ask(ask)
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}

func (l *Link) ask(ask func(*amqp.Channel) error) error {
	channel, err := l.checks()
	if err != nil {
		return err
	}
	return ask(channel)
}

func (l *Link) checks() (*amqp.Channel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, l.problem
	}
	if l.channel == nil || l.channel.IsClosed() {
		channel, err := l.conn.Channel()
		if err != nil {
			return nil, err
		}
		l.channel = channel
	}
	return l.channel, nil
}
