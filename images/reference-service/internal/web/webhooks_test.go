package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ly.highstreet/reference-service/internal/webhooks"
)

const payment = `{"id":"evt_1","type":"payment_intent.succeeded"}`

var taken = []webhooks.Webhook{
	{Name: webhooks.Stripe, Secret: "whsec_1"}, {Name: webhooks.StripeConnect, Secret: "whsec_2"}, {Name: webhooks.ChargeBee, User: "hooks", Secret: "right"},
}

func sign(secret, body string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

type hook struct {
	path, body, signature, user, password, method string
}

func (h hook) send(m *memory, stored func()) (int, string) {
	mux := http.NewServeMux()
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	API{Context: "payments", Store: m, Stored: stored, Webhooks: taken, Log: log}.Register(mux)
	if h.method == "" {
		h.method = http.MethodPost
	}
	request := httptest.NewRequest(h.method, "/webhooks/"+h.path, strings.NewReader(h.body))
	if h.signature != "" {
		request.Header.Set("Stripe-Signature", h.signature)
	}
	if h.user != "" {
		request.SetBasicAuth(h.user, h.password)
	}
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, request)
	return response.Code, strings.TrimSpace(response.Body.String())
}

func TestEveryVendorsEventIsTakenOnce(t *testing.T) {
	now := time.Now()
	connect := `{"id":"evt_2","type":"payout.paid","account":"acct_7"}`
	for _, h := range []hook{
		{path: "stripe", body: payment, signature: sign("whsec_1", payment, now)},
		{path: "stripe-connect", body: connect, signature: sign("whsec_2", connect, now)},
		{path: "chargebee", body: `{"id":"ev_1","event_type":"subscription_created"}`, user: "hooks", password: "right"},
	} {
		m, woken := newMemory(), 0
		for _, expected := range []string{`{"received":true}`, `{"duplicate":true,"received":true}`} {
			if code, text := h.send(m, func() { woken++ }); code != http.StatusOK || text != expected {
				t.Errorf("%s: %d %s", h.path, code, text)
			}
		}
		if len(m.events) != 1 || woken != 1 {
			t.Errorf("%s: %d events, woken %d times", h.path, len(m.events), woken)
		}
	}
}

func TestTheVendorsOwnRetryWithANewSignatureIsADuplicate(t *testing.T) {
	m := newMemory()
	other := strings.Replace(payment, "succeeded", "created", 1)
	for i, body := range []string{payment, payment + " ", other} {
		code, text := hook{path: "stripe", body: body, signature: sign("whsec_1", body, time.Now().Add(time.Duration(i)*time.Second))}.send(m, nil)
		if code != http.StatusOK || strings.Contains(text, "duplicate") != (i > 0) || len(m.events) != 1 {
			t.Errorf("%d: %d %s, %d events", i, code, text, len(m.events))
		}
	}
}

func TestWhatIsNotTheVendorsIsRefused(t *testing.T) {
	now, broken := time.Now(), `{"id":`
	full := payment + strings.Repeat(" ", 256*1024-len(payment))
	for name, try := range map[string]struct {
		hook
		expected int
	}{
		"as large as may be":         {hook{path: "stripe", body: full, signature: sign("whsec_1", full, now)}, 200},
		"too large":                  {hook{path: "stripe", body: full + " ", signature: sign("whsec_1", full+" ", now)}, 413},
		"too large for ChargeBee":    {hook{path: "chargebee", body: full + " ", user: "hooks", password: "right"}, 413},
		"too large from a stranger":  {hook{path: "chargebee", body: full + " ", user: "hooks", password: "wrong"}, 401},
		"forged":                     {hook{path: "stripe", body: payment, signature: sign("whsec_x", payment, now)}, 400},
		"of the other webhook":       {hook{path: "stripe", body: payment, signature: sign("whsec_2", payment, now)}, 400},
		"replayed later":             {hook{path: "stripe", body: payment, signature: sign("whsec_1", payment, now.Add(-time.Hour))}, 400},
		"not signed":                 {hook{path: "stripe", body: payment}, 400},
		"wrong password":             {hook{path: "chargebee", body: payment, user: "hooks", password: "wrong"}, 401},
		"no password":                {hook{path: "chargebee", body: payment}, 401},
		"signed, but no JSON":        {hook{path: "stripe", body: broken, signature: sign("whsec_1", broken, now)}, 400},
		"proven, but no JSON":        {hook{path: "chargebee", body: broken, user: "hooks", password: "right"}, 400},
		"Connect without an account": {hook{path: "stripe-connect", body: payment, signature: sign("whsec_2", payment, now)}, 400},
		"asked for":                  {hook{path: "stripe", method: http.MethodGet}, 405},
		"put":                        {hook{path: "chargebee", method: http.MethodPut, user: "hooks", password: "right"}, 405},
		"not listed":                 {hook{path: "paypal", body: payment}, 404},
	} {
		m := newMemory()
		code, text := try.send(m, nil)
		if code != try.expected || (len(m.events) == 1) != (code == 200) {
			t.Errorf("%s: %d %s, %d events", name, code, text, len(m.events))
		}
		for _, secret := range []string{"whsec", "hooks", "right"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: told %s", name, text)
			}
		}
	}
}

func TestTheVendorTriesAgainWhenTheDatabaseIsAway(t *testing.T) {
	h := hook{path: "stripe", body: payment, signature: sign("whsec_1", payment, time.Now())}
	if code, text := h.send(&memory{problem: errors.New("password of the database")}, nil); code != 503 || strings.Contains(text, "password") {
		t.Errorf("%d %s", code, text)
	}
}
