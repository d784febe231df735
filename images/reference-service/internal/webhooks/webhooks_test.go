package webhooks

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Signatures are made elsewhere: printf '%s' "$T.$BODY" | openssl dgst -sha256 -hmac "$SECRET"
const (
	secret = "whsec_test"
	body   = `{"id":"evt_1","type":"payment_intent.succeeded","livemode":false,"data":{"object":{"amount":480}}}`
	right  = "a618b1ac9f6b7f3202c8924bc99e2cd47c8d3281ef7264e8cebd900b14fed525"
	old    = "4b08c1ecd588e75b3d1893e59d42c8d7ec02b838f2166e5071ee0b1925419910" // with the secret whsec_old
	spaced = "{ \"id\": \"evt_1\" }\n"
	spaces = "cd6b563429a3c9571c03a643859e9f7e73073b6d9789bb1b499fcb8b33486da6" // of spaced
)

var signed = time.Unix(1770000000, 0)

func TestASignatureIsTheVendorsOrIsRefused(t *testing.T) {
	header := "t=1770000000,v1=" + right
	for name, try := range map[string]struct {
		header, body string
		now          time.Time
		expected     error
	}{
		"right":                       {header, body, signed, nil},
		"two, the second right":       {"t=1770000000,v1=" + old + ",v1=" + right, body, signed, nil},
		"two, the first right":        {"t=1770000000,v1=" + right + ",v1=" + old, body, signed, nil},
		"unknown schemes beside it":   {"t=1770000000,v0=" + old + ",v2=x,v1=" + right, body, signed, nil},
		"in another order, spaced":    {"v1=" + right + ", t=1770000000", body, signed, nil},
		"white space is part of it":   {"t=1770000000,v1=" + spaces, spaced, signed, nil},
		"as late as may be":           {header, body, signed.Add(Tolerance), nil},
		"as early as may be":          {header, body, signed.Add(-Tolerance), nil},
		"replayed later":              {header, body, signed.Add(Tolerance + time.Second), ErrTime},
		"from the future":             {header, body, signed.Add(-Tolerance - time.Second), ErrTime},
		"of another secret":           {"t=1770000000,v1=" + old, body, signed, ErrSignature},
		"of another body":             {header, body + " ", signed, ErrSignature},
		"without its white space":     {"t=1770000000,v1=" + spaces, strings.TrimSpace(spaced), signed, ErrSignature},
		"with a newer time":           {"t=1770000300,v1=" + right, body, signed.Add(Tolerance), ErrSignature},
		"cut short":                   {"t=1770000000,v1=" + right[:62], body, signed, ErrSignature},
		"empty":                       {"t=1770000000,v1=", body, signed, ErrSignature},
		"of a scheme that is no more": {"t=1770000000,v0=" + right, body, signed, ErrHeader},
		"no digits":                   {"t=1770000000,v1=" + strings.Repeat("z", 64), body, signed, ErrHeader},
		"no time":                     {"v1=" + right, body, signed, ErrHeader},
		"no number as time":           {"t=now,v1=" + right, body, signed, ErrHeader},
		"two times":                   {"t=1770000000,t=1770000001,v1=" + right, body, signed, ErrHeader},
		"no header":                   {"", body, signed, ErrHeader},
	} {
		got := Webhook{Name: Stripe, Secret: secret}.Check(http.Header{"Stripe-Signature": {try.header}}, []byte(try.body), try.now)
		if !errors.Is(got, try.expected) {
			t.Errorf("%s: %v, not %v", name, got, try.expected)
		}
	}
}

func TestAWebhookWithoutASecretTakesNothing(t *testing.T) {
	// Python: hmac.new(b"", b"1770000000." + body, "sha256").hexdigest()
	header := http.Header{"Stripe-Signature": {"t=1770000000,v1=1eaa5ae42f0e8006a7f3dddc9defc0e6830fd6054dc2e8f7e1c65933790d1d17"}}
	if err := (Webhook{Name: Stripe}).Check(header, []byte(body), signed); !errors.Is(err, ErrSignature) {
		t.Errorf("Stripe: %v", err)
	}
	if err := (Webhook{Name: ChargeBee}).Check(http.Header{"Authorization": {"Basic Og=="}}, nil, signed); !errors.Is(err, ErrCredentials) {
		t.Errorf("ChargeBee: %v", err)
	}
}

func TestUserAndPasswordMustBothBeTheVendors(t *testing.T) {
	for name, try := range map[string]struct {
		header string // printf USER:PASSWORD | base64
		good   bool
	}{
		"right":              {"Basic aG9va3M6cmlnaHQ=", true},
		"wrong password":     {"Basic aG9va3M6d3Jvbmc=", false},
		"wrong user":         {"Basic b3RoZXI6cmlnaHQ=", false},
		"longer password":    {"Basic aG9va3M6cmlnaHRlcg==", false},
		"the other way":      {"Basic cmlnaHQ6aG9va3M=", false},
		"no password":        {"Basic aG9va3M6", false},
		"no colon":           {"Basic aG9va3M=", false},
		"not base64":         {"Basic hooks:right", false},
		"another way to ask": {"Bearer aG9va3M6cmlnaHQ=", false},
		"nothing":            {"", false},
	} {
		err := Webhook{Name: ChargeBee, User: "hooks", Secret: "right"}.Check(http.Header{"Authorization": {try.header}}, nil, signed)
		if try.good != (err == nil) || (!try.good && !errors.Is(err, ErrCredentials)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEventSaysWhichItIsAndNothingOfPersons(t *testing.T) {
	for name, try := range map[string]struct {
		webhook, body, kind, id, data string // ids: Python's uuid.uuid5(namespace, "stripe:evt_1")
	}{
		"Stripe": {Stripe, body, "StripeEventReceived", "65d6f921-893f-5427-b6fa-50c344a01ed5",
			`{"vendor":"stripe","id":"evt_1","type":"payment_intent.succeeded","livemode":false}`},
		"Stripe Connect": {StripeConnect, `{"id":"evt_1","type":"v2.core.account[requirements].updated","account":"acct_7","data":{"email":"a@b.c"}}`,
			"StripeEventReceived", "65d6f921-893f-5427-b6fa-50c344a01ed5",
			`{"vendor":"stripe","id":"evt_1","type":"v2.core.account[requirements].updated","account":"acct_7"}`},
		"ChargeBee": {ChargeBee, `{"id":"ev_1","event_type":"subscription_created","content":{"customer":{"email":"a@b.c"}}}`,
			"ChargeBeeEventReceived", "2309e157-2869-58d8-b8c9-7afc85dbbd35", `{"vendor":"chargebee","id":"ev_1","type":"subscription_created"}`},
	} {
		event, err := Webhook{Name: try.webhook}.Event([]byte(try.body), "payments", signed)
		if err != nil || event.Type != try.kind || event.ID.String() != try.id || string(event.Data) != try.data ||
			event.Source != "payments" || !event.OccurredAt.Equal(signed) {
			t.Errorf("%s: %+v with %s (%v)", name, event, event.Data, err)
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	for text, webhook := range map[string]string{
		``: Stripe, `hello`: Stripe, `[]`: Stripe, `{}`: Stripe, body + `{}`: Stripe, `{"id":"evt_1"}`: Stripe, `{"type":"a.b"}`: Stripe,
		`{"id":7,"type":"a.b"}`: Stripe, `{"id":"evt 1","type":"a.b"}`: Stripe, `{"id":"evt_1","type":"a b"}`: Stripe,
		`{"id":"evt_1","type":"a.b","account":"<script>"}`: Stripe, `{"id":"` + strings.Repeat("e", 256) + `","type":"a.b"}`: Stripe,
		body: StripeConnect, `{"id":"evt_1","type":"a.b","account":""}`: StripeConnect,
		`{"id":"ev_1","type":"subscription_created"}`: ChargeBee,
	} {
		if event, err := (Webhook{Name: webhook}).Event([]byte(text), "payments", signed); err == nil {
			t.Errorf("%s took %s as %+v", webhook, text, event)
		}
	}
}
