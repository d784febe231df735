package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ly.highstreet/reference-service/internal/events"
	"ly.highstreet/reference-service/internal/store"
)

type memory struct {
	events  map[uuid.UUID]events.Event
	problem error
}

func (m *memory) Add(_ context.Context, event events.Event) (bool, error) {
	if m.problem != nil {
		return false, m.problem
	}
	if before, found := m.events[event.ID]; found {
		if before.Type != event.Type {
			return false, store.ErrOtherContent
		}
		return false, nil
	}
	m.events[event.ID] = event
	return true, nil
}

func (m *memory) Events(context.Context, int) ([]store.Stored, error)    { return nil, m.problem }
func (m *memory) ReadModel(context.Context, int) ([]events.Event, error) { return nil, m.problem }

func serve(m *memory, stored func(), method, path, body string) (int, string) {
	mux := http.NewServeMux()
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	API{Context: "orders", Store: m, Stored: stored, Log: log}.Register(mux)
	response := httptest.NewRecorder()
	Logged(mux, log).ServeHTTP(response, httptest.NewRequest(method, path, strings.NewReader(body)))
	return response.Code, response.Body.String()
}

func newMemory() *memory {
	return &memory{events: map[uuid.UUID]events.Event{}}
}

func TestACommandIsStoredOnce(t *testing.T) {
	m, woken := newMemory(), 0
	command := `{"id": "` + uuid.NewString() + `", "type": "PlaceOrder", "data": {"amount": 1}}`
	for range 2 {
		if code, body := serve(m, func() { woken++ }, "POST", "/commands", command); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, body)
		}
	}
	if len(m.events) != 1 || woken != 1 {
		t.Fatalf("%d events, woken %d times", len(m.events), woken)
	}
}

func TestAnIdUsedForSomethingElseIsAConflict(t *testing.T) {
	m, id := newMemory(), uuid.NewString()
	serve(m, nil, "POST", "/commands", `{"id": "`+id+`", "type": "PlaceOrder"}`)
	if code, _ := serve(m, nil, "POST", "/commands", `{"id": "`+id+`", "type": "CancelOrder"}`); code != http.StatusConflict {
		t.Fatalf("%d", code)
	}
}

func TestWhatIsNoCommandIsRefusedWithAReason(t *testing.T) {
	refused := map[string]int{
		`hello`: 400, `{"id": "7", "type": "PlaceOrder"}`: 400, `{"type": "PlaceOrder", "more": 1}`: 400,
		`{"type": "order"}`: 422, `{"type": "PlaceOrder", "data": [1]}`: 422,
		`{"type": "PlaceOrder", "data": {"a": "` + strings.Repeat("x", bodyBytesMax) + `"}}`: 413,
	}
	for body, expected := range refused {
		if code, text := serve(newMemory(), nil, "POST", "/commands", body); code != expected || !strings.Contains(text, `"error"`) {
			t.Errorf("%.40s: %d %s", body, code, text)
		}
	}
}

func TestABrokenDatabaseIsTheServersFault(t *testing.T) {
	m := &memory{problem: errors.New("password of the database")}
	for path, method := range map[string]string{"/commands": "POST", "/events": "GET", "/read-model": "GET"} {
		code, body := serve(m, nil, method, path, `{"type": "PlaceOrder"}`)
		if code != http.StatusServiceUnavailable || strings.Contains(body, "password") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	if code, body := serve(newMemory(), nil, "GET", "/events?limit=5", ""); code != 200 || strings.TrimSpace(body) != "[]" {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := serve(newMemory(), nil, "GET", "/events?limit=many", ""); code != 400 {
		t.Fatalf("%d", code)
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	mux := http.NewServeMux()
	var logged strings.Builder
	log := slog.New(slog.NewJSONHandler(&logged, nil))
	Health{About: About{Context: "orders"}, Log: log, Checks: map[string]Check{
		"database": func(context.Context) error { return nil },
		"broker":   func(context.Context) error { return errors.New("connection refused") },
	}, Details: func() map[string]any { return map[string]any{"waiting_for": []string{"shops"}} }}.Register(mux)
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest("GET", "/health/ready", nil))
	var body struct {
		Checks     map[string]string
		WaitingFor []string `json:"waiting_for"`
	}
	if err := json.Unmarshal(response.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if response.Code != 503 || body.Checks["broker"] != "failing" || body.Checks["database"] != "ok" || len(body.WaitingFor) != 1 {
		t.Fatalf("%d %s", response.Code, response.Body)
	}
	if !strings.Contains(logged.String(), "connection refused") {
		t.Fatalf("the reason is not logged: %s", logged.String())
	}
}
