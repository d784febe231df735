package config

import (
	"errors"
	"strings"
	"testing"
)

func environment(more map[string]string) func(string) string {
	values := map[string]string{
		"CONTEXT":      "orders",
		"ROLE":         "api",
		"VERSION":      "1.2.3",
		"DATABASE_URL": "postgres://orders:hidden@127.0.0.1:5432/kind_orders?sslmode=disable",
		"BROKER_URL":   "amqps://orders:hidden@127.0.0.1:5671/kind",
	}
	for name, value := range more {
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestAWholeEnvironmentIsRead(t *testing.T) {
	config, err := Read(environment(map[string]string{"CALLS": "shops, payments", "ROLE": "receiver", "SUBSCRIBES_TO": "shops"}))
	if err != nil {
		t.Fatal(err)
	}
	if config.Port != 8080 || config.Database.MaxConns != maxConnections || len(config.Calls) != 2 || config.Calls[1] != "payments" {
		t.Fatalf("%+v", config)
	}
}

func TestOnlyTheListedWebhooksNeedTheirSecrets(t *testing.T) {
	given := map[string]string{"WEBHOOKS": "stripe,chargebee", "STRIPE_WEBHOOK_SECRET": "hidden1", "CHARGEBEE_WEBHOOK_USER": "hooks"}
	_, err := Read(environment(given))
	if err == nil || err.Error() != "CHARGEBEE_WEBHOOK_PASSWORD: is not set" {
		t.Fatalf("%v", err)
	}
	given["CHARGEBEE_WEBHOOK_PASSWORD"] = "hidden2"
	config, err := Read(environment(given))
	if err != nil || len(config.Webhooks) != 2 || config.Webhooks[0].Secret != "hidden1" || config.Webhooks[1].User != "hooks" {
		t.Fatalf("%+v %v", config.Webhooks, err)
	}
	if config, err := Read(environment(nil)); err != nil || len(config.Webhooks) != 0 {
		t.Fatalf("%+v %v", config.Webhooks, err)
	}
}

func TestAWebhookThatCannotBeTakenIsAMistake(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"unknown":          {"WEBHOOKS": "paypal"},
		"twice":            {"WEBHOOKS": "stripe,stripe", "STRIPE_WEBHOOK_SECRET": "hidden"},
		"for the receiver": {"WEBHOOKS": "stripe", "STRIPE_WEBHOOK_SECRET": "hidden", "ROLE": "receiver", "SUBSCRIBES_TO": "shops"},
		"without a secret": {"WEBHOOKS": "stripe-connect", "STRIPE_WEBHOOK_SECRET": "hidden"},
	} {
		_, err := Read(environment(given))
		if err == nil || !strings.Contains(err.Error(), "WEBHOOK") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	nothing := func(string) string { return "" }
	_, err := Read(nothing)
	var mistakes Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 5 {
		t.Fatalf("expected the five variables without a default, got %v", err)
	}
}

func TestMistakesNeverHoldThePassword(t *testing.T) {
	wrong := map[string]string{
		"DATABASE_URL": "postgres://orders:hidden@127.0.0.1:port/x?sslrootcert=/no/such/ca.crt",
		"BROKER_URL":   "http://orders:hidden@127.0.0.1/kind",
		"ROLE":         "receiver",
		"PORT":         "http",
		"BROKER_CA":    "/no/such/ca.crt",
	}
	_, err := Read(environment(wrong))
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"DATABASE_URL", "BROKER_URL", "SUBSCRIBES_TO", "PORT", "BROKER_CA"} {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
}
