// Package web is the service's HTTP side: health and version for both roles, commands and queries for the API.
package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const readyTimeout = 2 * time.Second // below the probe's 3 s

// Check asks a dependency something that needs a real answer.
type Check func(context.Context) error

// About says who is answering.
type About struct {
	Context string `json:"context"`
	Role    string `json:"role"`
	Version string `json:"version"`
}

// Health is what both roles answer.
type Health struct {
	About   About
	Checks  map[string]Check
	Details func() map[string]any // more for /health/ready; may be nil
	Log     *slog.Logger          // told why a check failed; callers, who may be anybody, learn only which
}

// Register adds the health and version paths.
func (h Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "live"})
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, h.About) })
	mux.HandleFunc("GET /health/ready", h.ready)
}

func (h Health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	var (
		mu      sync.Mutex
		waiting sync.WaitGroup
	)
	results, status, word := map[string]string{}, http.StatusOK, "ready"
	for name, check := range h.Checks {
		waiting.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			results[name] = "ok"
			if err != nil {
				results[name], status, word = "failing", http.StatusServiceUnavailable, "not ready"
				h.Log.Warn("not ready", "check", name, "error", err.Error())
			}
		})
	}
	waiting.Wait()
	body := map[string]any{"status": word, "checks": results}
	if h.Details != nil {
		for name, value := range h.Details() {
			body[name] = value
		}
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, format string, values ...any) {
	answer(w, status, map[string]string{"error": fmt.Sprintf(format, values...)})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a websocket take the connection over (see http.ResponseController).
func (r *recorder) Unwrap() http.ResponseWriter {
	return r.ResponseWriter
}

// Logged writes a line for every request but the health checks.
func Logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorded, r)
		if r.URL.Path != "/health/live" && r.URL.Path != "/health/ready" {
			log.Info("request", "method", r.Method, "path", r.URL.Path, "status", recorded.status,
				"duration_ms", time.Since(started).Milliseconds(), "request_id", r.Header.Get("X-Request-Id"))
		}
	})
}
