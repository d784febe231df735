package web

import (
	"errors"
	"io"
	"net/http"
	"time"

	"ly.highstreet/reference-service/internal/store"
	"ly.highstreet/reference-service/internal/webhooks"
)

// webhook takes a vendor's event: read whole and unaltered, proven, and only then understood.
func (a API) webhook(webhook webhooks.Webhook) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if webhook.ProvenByHeaders() {
			if err := webhook.Check(r.Header, nil, time.Now()); err != nil {
				a.refuseWebhook(w, webhook, err)
				return
			}
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhooks.BodyBytesMax))
		if err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				refuse(w, http.StatusRequestEntityTooLarge, "an event has at most %d bytes", webhooks.BodyBytesMax)
				return
			}
			refuse(w, http.StatusBadRequest, "the body did not arrive whole")
			return
		}
		if err := webhook.Check(r.Header, body, time.Now()); err != nil {
			a.refuseWebhook(w, webhook, err)
			return
		}
		a.take(w, r, webhook, body)
	}
}

// take stores a proven event. Only what a later try could change is answered with 5xx: vendors send an event again for days.
func (a API) take(w http.ResponseWriter, r *http.Request, webhook webhooks.Webhook, body []byte) {
	event, err := webhook.Event(body, a.Context, time.Now())
	if err != nil {
		a.refuseWebhook(w, webhook, err)
		return
	}
	added, err := a.Store.Add(r.Context(), event)
	if err != nil && !errors.Is(err, store.ErrOtherContent) {
		a.unavailable(w, err)
		return
	}
	a.Log.Info("webhook received", "webhook", webhook.Name, "event", event.ID, "new", added)
	if !added {
		answer(w, http.StatusOK, map[string]bool{"received": true, "duplicate": true})
		return
	}
	if a.Stored != nil {
		a.Stored()
	}
	answer(w, http.StatusOK, map[string]bool{"received": true})
}

func (a API) refuseWebhook(w http.ResponseWriter, webhook webhooks.Webhook, reason error) {
	a.Log.Warn("webhook refused", "webhook", webhook.Name, "reason", reason.Error())
	status := http.StatusBadRequest
	if errors.Is(reason, webhooks.ErrCredentials) {
		w.Header().Set("WWW-Authenticate", `Basic realm="webhooks"`)
		status = http.StatusUnauthorized
	}
	refuse(w, status, "%v", reason)
}
