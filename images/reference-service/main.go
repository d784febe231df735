// Service is the reference service: an event-sourced API, or the receiver of one, told which by its environment.
//
//	service                                   serves until SIGTERM
//	service check tcp HOST:PORT [--timeout 3s]  exits 0 when the port can be reached from here, else 1
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"ly.highstreet/reference-service/internal/broker"
	"ly.highstreet/reference-service/internal/config"
	"ly.highstreet/reference-service/internal/probe"
	"ly.highstreet/reference-service/internal/store"
	"ly.highstreet/reference-service/internal/web"
)

const drainTimeout = 6 * time.Second // with the broker's part, below 10 s

func main() {
	os.Exit(run())
}

func run() int {
	if len(os.Args) > 1 {
		if os.Args[1] == "check" {
			return probe.Run(os.Args[2:], os.Stdout, os.Stderr)
		}
		fmt.Fprintln(os.Stderr, "usage: service | service check tcp HOST:PORT [--timeout 3s]")
		return 2
	}
	settings, err := config.Read(os.Getenv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "The service's environment is not complete:\n%v\n", err)
		return 2
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("context", settings.Context, "role", settings.Role, "version", settings.Version)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, settings, log); err != nil {
		log.Error("the service ended", "error", err.Error())
		return 1
	}
	return 0
}

// serve runs until ctx ends, then finishes what it is doing: requests first, the broker after them, the database last.
func serve(ctx context.Context, settings config.Config, log *slog.Logger) error {
	name := settings.Context + "-" + settings.Role
	database, err := store.Open(ctx, settings.Database, settings.Context)
	if err != nil {
		return err
	}
	defer database.Close()
	link, err := broker.NewLink(settings.BrokerURL, name, settings.BrokerCA, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	health := web.Health{
		About:  web.About{Context: settings.Context, Role: settings.Role, Version: settings.Version},
		Checks: map[string]web.Check{"database": database.Check},
		Log:    log,
	}
	live := web.NewLive(health.About, ctx.Done(), log)
	var session func(context.Context, *amqp.Connection) error
	if settings.Role == config.API {
		publisher := broker.NewPublisher(settings.Context, database, log)
		session = publisher.Session
		health.Checks["broker"] = func(ctx context.Context) error { return link.Check(ctx, publisher.Check) }
		web.API{
			Context: settings.Context, Store: database, Stored: publisher.Wake, Calls: addresses(settings.Calls), Webhooks: settings.Webhooks, Log: log,
		}.Register(mux)
		live.Register(mux)
	} else {
		receiver := broker.NewReceiver(settings.Context, settings.SubscribesTo, database, log)
		session = receiver.Session
		health.Checks["broker"] = func(ctx context.Context) error { return link.Check(ctx, receiver.Check) }
		health.Details = func() map[string]any { return map[string]any{"waiting_for": receiver.Missing()} }
	}
	health.Register(mux)

	var background sync.WaitGroup
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	background.Go(func() { link.Run(linked, session) })
	err = listen(ctx, settings.Port, web.Logged(mux, log), log)
	live.Wait()
	unlink()
	background.Wait()
	log.Info("stopped")
	return err
}

func listen(ctx context.Context, port int, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Addr: ":" + strconv.Itoa(port), Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 20 * time.Second, IdleTimeout: 75 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Info("serving", "port", port)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	draining, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(draining); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func addresses(contexts []string) map[string]string {
	found := make(map[string]string, len(contexts))
	for _, name := range contexts {
		found[name] = "http://" + name + "-api"
	}
	return found
}
