// Package store is the context's database: its events with their outbox, and the read model with its inbox.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ly.highstreet/reference-service/internal/events"
)

// ErrOtherContent means that a command's id was used before, for something else.
var ErrOtherContent = errors.New("this id was used before, with other content")

// Store keeps one context's events.
type Store struct {
	pool    *pgxpool.Pool
	context string
}

// Open prepares a pool of connections; it connects when first asked for something.
func Open(ctx context.Context, config *pgxpool.Config, name string) (*Store, error) {
	config.ConnConfig.ConnectTimeout = 3 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = name
	config.ConnConfig.RuntimeParams["statement_timeout"] = "10000"
	config.MaxConnIdleTime = 5 * time.Minute
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, context: name}, nil
}

// Close ends every connection.
func (s *Store) Close() {
	s.pool.Close()
}

// Check asks the database something it can always answer.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "SELECT 1")
	return err
}

// Add stores an event and its place in the outbox in one transaction; it returns false when the event was stored before.
func (s *Store) Add(ctx context.Context, event events.Event) (bool, error) {
	added := false
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, "INSERT INTO events (id, type, data, occurred_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
			event.ID, event.Type, event.Data, event.OccurredAt)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return requireSame(ctx, tx, event)
		}
		added = true
		_, err = tx.Exec(ctx, "INSERT INTO outbox (event_id) VALUES ($1)", event.ID)
		return err
	})
	return added && err == nil, err
}

func requireSame(ctx context.Context, tx pgx.Tx, event events.Event) error {
	same := false
	err := tx.QueryRow(ctx, "SELECT type = $2 AND data = $3 FROM events WHERE id = $1", event.ID, event.Type, event.Data).Scan(&same)
	if err == nil && !same {
		return ErrOtherContent
	}
	return err
}

// PublishPending gives up to limit unpublished events, oldest first, to publish and marks them published when it returns no error.
//
// Events that another replica is publishing are left to it. It returns how many were published.
func (s *Store) PublishPending(ctx context.Context, limit int, publish func([]events.Event) error) (int, error) {
	count := 0
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		pending, err := s.pending(ctx, tx, limit)
		if err != nil || len(pending) == 0 {
			return err
		}
		if err := publish(pending); err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(pending))
		for i, event := range pending {
			ids[i] = event.ID
		}
		count = len(ids)
		_, err = tx.Exec(ctx, "UPDATE outbox SET published_at = now() WHERE event_id = ANY($1)", ids)
		return err
	})
	return count, err
}

func (s *Store) pending(ctx context.Context, tx pgx.Tx, limit int) ([]events.Event, error) {
	rows, err := tx.Query(ctx, `
		SELECT events.id, events.type, events.data, events.occurred_at FROM outbox JOIN events ON events.id = outbox.event_id
		WHERE outbox.published_at IS NULL ORDER BY events.sequence LIMIT $1 FOR UPDATE OF outbox SKIP LOCKED`, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (events.Event, error) {
		event := events.Event{Source: s.context}
		err := row.Scan(&event.ID, &event.Type, &event.Data, &event.OccurredAt)
		return event, err
	})
}

// Receive puts another context's event into the read model, once however often it arrives; it returns false for a repetition.
func (s *Store) Receive(ctx context.Context, event events.Event) (bool, error) {
	added := false
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING", event.ID)
		if err != nil || done.RowsAffected() == 0 {
			return err
		}
		added = true
		_, err = tx.Exec(ctx, `
			INSERT INTO read_model (id, source, type, data, occurred_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET source = $2, type = $3, data = $4, occurred_at = $5`,
			event.ID, event.Source, event.Type, event.Data, event.OccurredAt)
		return err
	})
	return added && err == nil, err
}

// IsHopeless says whether an error comes from the content itself, so that no retry can help: SQLSTATE classes 22 (data) and 23 (constraints).
func IsHopeless(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && len(refused.Code) == 5 && (refused.Code[:2] == "22" || refused.Code[:2] == "23")
}

// Stored is an event as it lies in the store.
type Stored struct {
	ID          uuid.UUID       `json:"id"`
	Sequence    int64           `json:"sequence"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
	OccurredAt  time.Time       `json:"occurred_at"`
	PublishedAt *time.Time      `json:"published_at"`
}

// Events are the context's own, newest first.
func (s *Store) Events(ctx context.Context, limit int) ([]Stored, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT events.id, events.sequence, events.type, events.data, events.occurred_at, outbox.published_at
		FROM events LEFT JOIN outbox ON outbox.event_id = events.id ORDER BY events.sequence DESC LIMIT $1`, limit)
	return collect[Stored](rows, err)
}

// ReadModel is what the receiver built from other contexts' events, newest first.
func (s *Store) ReadModel(ctx context.Context, limit int) ([]events.Event, error) {
	rows, err := s.pool.Query(ctx, "SELECT id, type, source, data, occurred_at FROM read_model ORDER BY occurred_at DESC, id LIMIT $1", limit)
	return collect[events.Event](rows, err)
}

func collect[T any](rows pgx.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("reading rows: %w", err)
	}
	return found, nil
}
