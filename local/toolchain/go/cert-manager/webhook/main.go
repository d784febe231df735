// Checks cert-manager's objects for the Kubernetes API server.
package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/cert-manager/cert-manager/cmd/start"
	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/apis/config/webhook/scheme"
	"github.com/cert-manager/cert-manager/internal/webhook"
	_ "github.com/cert-manager/cert-manager/internal/webhook/feature" // its feature gates
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

func main() {
	settings, err := options.NewWebhookConfiguration()
	if err != nil {
		panic(err) // the library's own defaults do not fit its own types
	}
	start.Run("webhook", start.Config[config.WebhookConfiguration]{
		Value: settings, Logging: &settings.Logging, Gates: &settings.FeatureGates, Flags: flags(settings), Codecs: scheme.NewSchemeAndCodecs,
	}, run)
}

// flags leaves out those that package start binds for every program.
func flags(settings *config.WebhookConfiguration) func(*pflag.FlagSet) {
	return func(target *pflag.FlagSet) {
		var all pflag.FlagSet
		options.AddConfigFlags(&all, settings)
		target.AddFlagSet(&all) // a flag that is there already stays
	}
}

func run(ctx context.Context, settings *config.WebhookConfiguration) error {
	server, err := webhook.NewCertManagerWebhookServer(logf.FromContext(ctx), *settings)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
