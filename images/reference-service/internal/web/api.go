package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"ly.highstreet/reference-service/internal/events"
	"ly.highstreet/reference-service/internal/store"
	"ly.highstreet/reference-service/internal/webhooks"
)

const (
	bodyBytesMax = 64 << 10
	callTimeout  = 3 * time.Second
	defaultLimit = 100
	maxLimit     = 1000
)

// Store is what the API needs of the database.
type Store interface {
	Add(ctx context.Context, event events.Event) (bool, error)
	Events(ctx context.Context, limit int) ([]store.Stored, error)
	ReadModel(ctx context.Context, limit int) ([]events.Event, error)
}

// API takes commands and answers queries.
type API struct {
	Context  string
	Store    Store
	Stored   func()             // called after something new was stored
	Calls    map[string]string  // other contexts' APIs: name and address
	Webhooks []webhooks.Webhook // each at /webhooks/<its name>
	Log      *slog.Logger
}

// Register adds the API's paths.
func (a API) Register(mux *http.ServeMux) {
	mux.HandleFunc("POST /commands", a.command)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { list(a, w, r, a.Store.Events) })
	mux.HandleFunc("GET /read-model", func(w http.ResponseWriter, r *http.Request) { list(a, w, r, a.Store.ReadModel) })
	mux.HandleFunc("GET /calls", a.call)
	for _, webhook := range a.Webhooks {
		mux.HandleFunc("POST /webhooks/"+webhook.Name, a.webhook(webhook))
	}
}

func (a API) command(w http.ResponseWriter, r *http.Request) {
	var command events.Command
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&command); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			refuse(w, http.StatusRequestEntityTooLarge, "a command has at most %d bytes", bodyBytesMax)
			return
		}
		refuse(w, http.StatusBadRequest, "the body is no command: %v", err)
		return
	}
	event, err := events.FromCommand(command, a.Context, time.Now())
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	added, err := a.Store.Add(r.Context(), event)
	switch {
	case errors.Is(err, store.ErrOtherContent):
		refuse(w, http.StatusConflict, "id: %v", err)
	case store.IsHopeless(err):
		refuse(w, http.StatusUnprocessableEntity, "data: cannot be stored")
	case err != nil:
		a.unavailable(w, err)
	default:
		if added && a.Stored != nil {
			a.Stored()
		}
		answer(w, http.StatusAccepted, map[string]any{"event_id": event.ID, "type": event.Type, "repeated": !added})
	}
}

func (a API) unavailable(w http.ResponseWriter, err error) {
	a.Log.Error("the database did not answer", "error", err.Error())
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, "the database did not answer; try again")
}

func list[T any](a API, w http.ResponseWriter, r *http.Request, query func(context.Context, int) ([]T, error)) {
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || number > maxLimit {
			refuse(w, http.StatusBadRequest, "limit: %q should be a number from 1 to %d", text, maxLimit)
			return
		}
		limit = number
	}
	found, err := query(r.Context(), limit)
	if err != nil {
		a.unavailable(w, err)
		return
	}
	if found == nil {
		found = []T{}
	}
	answer(w, http.StatusOK, found)
}

// call asks every API that this one may call for its version: the way between the two is open, or it is not.
func (a API) call(w http.ResponseWriter, r *http.Request) {
	var (
		mu      sync.Mutex
		waiting sync.WaitGroup
	)
	results := map[string]any{}
	for name, address := range a.Calls {
		waiting.Go(func() {
			result := ask(r.Context(), address+"/version")
			mu.Lock()
			defer mu.Unlock()
			results[name] = result
		})
	}
	waiting.Wait()
	answer(w, http.StatusOK, results)
}

func ask(ctx context.Context, address string) map[string]any {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	defer response.Body.Close()
	var body any
	if err := json.NewDecoder(io.LimitReader(response.Body, bodyBytesMax)).Decode(&body); err != nil {
		return map[string]any{"status": response.StatusCode, "error": err.Error()}
	}
	return map[string]any{"status": response.StatusCode, "answer": body}
}
