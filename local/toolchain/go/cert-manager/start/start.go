// Package start is what the three programs do alike before they begin: flags, configuration file, logs, feature gates, signals.
package start

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
)

// Config is a program's configuration, with the parts of it that every program has.
type Config[C any] struct {
	Value   *C
	Logging *logsapi.LoggingConfiguration
	Gates   *map[string]bool
	// Flags binds the program's own flags to Value; a flag's default is what Value holds.
	Flags func(*pflag.FlagSet)
	// Codecs knows the kind of the file that --config names.
	Codecs func(...serializer.CodecFactoryOptionsMutator) (*runtime.Scheme, *serializer.CodecFactory, error)
}

// Default fills config with the defaults of its published version, which it is converted from.
func Default[C any](versioned runtime.Object, config *C, codecs func(...serializer.CodecFactoryOptionsMutator) (*runtime.Scheme, *serializer.CodecFactory, error)) {
	scheme, _, err := codecs()
	if err == nil {
		scheme.Default(versioned)
		err = scheme.Convert(versioned, config, nil)
	}
	if err != nil {
		panic(err) // the library's own defaults do not fit its own types
	}
}

// Run reads the configuration (a flag wins over the file), calls run until a signal comes, and ends the process.
func Run[C any](name string, config Config[C], run func(context.Context, *C) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	logf.InitLogs()
	ctx = logf.NewContext(ctx, logf.Log, name)
	err := read(config)
	if err == nil {
		ctrl.SetLogger(logf.FromContext(ctx))
		err = run(ctx, config.Value)
	}
	logf.FlushLogs()
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp), errors.Is(err, context.Canceled):
		os.Exit(0)
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func read[C any](config Config[C]) error {
	path, err := parse(config)
	if err == nil && path != "" {
		if err = load(config, path); err == nil {
			_, err = parse(config)
		}
	}
	if err != nil {
		return err
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(*config.Gates); err != nil {
		return err
	}
	return logf.ValidateAndApply(config.Logging)
}

func parse[C any](config Config[C]) (path string, err error) {
	flags := pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
	flags.StringVar(&path, "config", "", "file with the configuration; a flag wins over it")
	flags.Var(cliflag.NewMapStringBool(config.Gates), "feature-gates", "features to switch on or off, for example A=true,B=false")
	logf.AddFlags(config.Logging, flags)
	config.Flags(flags)
	err = flags.Parse(os.Args[1:])
	return path, err
}

func load[C any](config Config[C], path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, codecs, err := config.Codecs(serializer.EnableStrict)
	if err != nil {
		return err
	}
	object, _, err := codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	value, ok := object.(any).(*C)
	if !ok {
		return fmt.Errorf("%s: it is a %T", path, object)
	}
	*config.Value = *value
	return nil
}

// LeaderElectionFlags binds the flags of the election among a program's replicas.
func LeaderElectionFlags(flags *pflag.FlagSet, election *shared.LeaderElectionConfig) {
	flags.BoolVar(&election.Enabled, "leader-elect", election.Enabled, "let one replica at a time work")
	flags.StringVar(&election.Namespace, "leader-election-namespace", election.Namespace, "where its lease lies")
	flags.DurationVar(&election.LeaseDuration, "leader-election-lease-duration", election.LeaseDuration, "how long a lease holds")
	flags.DurationVar(&election.RenewDeadline, "leader-election-renew-deadline", election.RenewDeadline, "how long the leader tries to renew it")
	flags.DurationVar(&election.RetryPeriod, "leader-election-retry-period", election.RetryPeriod, "how often it is tried")
}
