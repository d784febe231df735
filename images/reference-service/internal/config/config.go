// Package config reads the service's environment variables, once, and names every mistake in them.
package config

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"ly.highstreet/reference-service/internal/webhooks"
)

const (
	// API serves commands and queries, and publishes what it stored.
	API = "api"
	// Receiver builds the read model from other contexts' events.
	Receiver = "receiver"
)

const maxConnections = 4

var contextName = regexp.MustCompile(`^[a-z][a-z0-9]{1,19}$`)

// Config is what a service was told to be.
type Config struct {
	Context      string
	Role         string
	Version      string
	Port         int
	Database     *pgxpool.Config
	BrokerURL    string
	BrokerCA     []byte // PEM; empty: the system's
	SubscribesTo []string
	Calls        []string
	Webhooks     []webhooks.Webhook
}

// What proves a vendor's events, by webhook: the variables that hold it. Who signs has no user.
var webhookVariables = map[string]struct{ user, secret string }{
	webhooks.Stripe:        {secret: "STRIPE_WEBHOOK_SECRET"},
	webhooks.StripeConnect: {secret: "STRIPE_CONNECT_WEBHOOK_SECRET"},
	webhooks.ChargeBee:     {user: "CHARGEBEE_WEBHOOK_USER", secret: "CHARGEBEE_WEBHOOK_PASSWORD"},
}

// Mistakes are all that is wrong with the environment, a line each.
type Mistakes []string

func (m Mistakes) Error() string {
	return strings.Join(m, "\n")
}

type reader struct {
	get      func(string) string
	mistakes Mistakes
}

// Read takes the configuration from variables; the error is of type Mistakes. No message holds a secret.
func Read(get func(string) string) (Config, error) {
	r := &reader{get: get}
	config := Config{
		Context:   r.context(),
		Role:      r.role(),
		Version:   r.required("VERSION"),
		Port:      r.port(),
		Database:  r.database(),
		BrokerURL: r.broker(),
		BrokerCA:  r.certificate(),
		Calls:     r.contexts("CALLS"),
		Webhooks:  r.webhooks(),
	}
	config.SubscribesTo = r.contexts("SUBSCRIBES_TO")
	if config.Role == Receiver && len(config.SubscribesTo) == 0 {
		r.wrong("SUBSCRIBES_TO", "a receiver needs at least one context, for example orders,payments")
	}
	if config.Role == Receiver && len(config.Webhooks) > 0 {
		r.wrong("WEBHOOKS", "only an api takes them")
	}
	if len(r.mistakes) > 0 {
		return Config{}, r.mistakes
	}
	return config, nil
}

func (r *reader) wrong(name, format string, values ...any) {
	r.mistakes = append(r.mistakes, name+": "+fmt.Sprintf(format, values...))
}

func (r *reader) required(name string) string {
	value := r.get(name)
	if value == "" {
		r.wrong(name, "is not set")
	}
	return value
}

func (r *reader) context() string {
	value := r.required("CONTEXT")
	if value != "" && !contextName.MatchString(value) {
		r.wrong("CONTEXT", "%q is no name of a context, for example orders", value)
	}
	return value
}

func (r *reader) role() string {
	value := r.required("ROLE")
	if value != "" && value != API && value != Receiver {
		r.wrong("ROLE", "%q is neither %s nor %s", value, API, Receiver)
	}
	return value
}

func (r *reader) port() int {
	text := r.get("PORT")
	if text == "" {
		return 8080
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		r.wrong("PORT", "%q is no port number, 1 to 65535", text)
	}
	return port
}

func (r *reader) words(name string) []string {
	return strings.FieldsFunc(r.get(name), func(c rune) bool { return c == ',' || c == ' ' })
}

func (r *reader) contexts(name string) []string {
	var found []string
	for _, word := range r.words(name) {
		if !contextName.MatchString(word) {
			r.wrong(name, "%q is no name of a context, for example orders", word)
		}
		found = append(found, word)
	}
	return found
}

func (r *reader) webhooks() []webhooks.Webhook {
	var found []webhooks.Webhook
	for _, word := range r.words("WEBHOOKS") {
		variables, known := webhookVariables[word]
		if !known {
			r.wrong("WEBHOOKS", "%q is none of %s, %s, %s", word, webhooks.Stripe, webhooks.StripeConnect, webhooks.ChargeBee)
			continue
		}
		if slices.ContainsFunc(found, func(w webhooks.Webhook) bool { return w.Name == word }) {
			r.wrong("WEBHOOKS", "%s is listed twice", word)
			continue
		}
		webhook := webhooks.Webhook{Name: word, Secret: r.required(variables.secret)}
		if variables.user != "" {
			webhook.User = r.required(variables.user)
		}
		found = append(found, webhook)
	}
	return found
}

func (r *reader) database() *pgxpool.Config {
	text := r.required("DATABASE_URL")
	if text == "" {
		return nil
	}
	parsed, err := pgxpool.ParseConfig(text)
	if err != nil {
		// The parser's own message may quote the address with its password.
		r.wrong("DATABASE_URL", "cannot be used: it should be postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full&sslrootcert=FILE, FILE existing%s",
			missing(text))
		return nil
	}
	parsed.MaxConns = maxConnections
	return parsed
}

func missing(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	file := parsed.Query().Get("sslrootcert")
	if _, err := os.Stat(file); file != "" && err != nil {
		return fmt.Sprintf(" (%s does not)", file)
	}
	return ""
}

func (r *reader) broker() string {
	text := r.required("BROKER_URL")
	if text == "" {
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "amqps" && parsed.Scheme != "amqp") || parsed.Hostname() == "" {
		r.wrong("BROKER_URL", "cannot be used: it should be amqps://USER:PASSWORD@HOST:5671/VHOST")
	}
	return text
}

func (r *reader) certificate() []byte {
	file := r.get("BROKER_CA")
	if file == "" {
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		r.wrong("BROKER_CA", "%v", err)
	}
	return content
}
