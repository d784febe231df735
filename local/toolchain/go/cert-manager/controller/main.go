// Obtains the certificates that Certificates and Ingresses ask for, and renews them.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/cert-manager/cert-manager/cmd/start"
	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	"github.com/cert-manager/cert-manager/internal/apis/config/controller/scheme"
	"github.com/cert-manager/cert-manager/internal/pem"
	published "github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme" // the kinds of issuers
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

// The lease that the chart's Role lets it take.
const lease = "cert-manager-controller"

func main() {
	settings := &config.ControllerConfiguration{}
	start.Default(&published.ControllerConfiguration{}, settings, scheme.NewSchemeAndCodecs)
	start.Run("controller", start.Config[config.ControllerConfiguration]{
		Value: settings, Logging: &settings.Logging, Gates: &settings.FeatureGates, Flags: flags(settings), Codecs: scheme.NewSchemeAndCodecs,
	}, run)
}

func run(ctx context.Context, settings *config.ControllerConfiguration) error {
	names, err := enabled(settings.Controllers, settings.Namespace)
	if err != nil {
		return err
	}
	options, err := contextOptions(settings)
	if err != nil {
		return err
	}
	limits := settings.PEMSizeLimitsConfig
	pem.SetGlobalSizeLimits(
		pem.NewSizeLimitsFromConfig(limits.MaxCertificateSize, limits.MaxPrivateKeySize, limits.MaxChainLength, limits.MaxBundleSize))
	all, ctx := errgroup.WithContext(ctx)
	health := healthz.NewServer(settings.LeaderElectionConfig.HealthzTimeout)
	listener, err := net.Listen("tcp", settings.HealthzListenAddress)
	if err != nil {
		return err
	}
	all.Go(func() error { return health.Start(ctx, listener) })
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	if err := serveMetrics(ctx, all, shared, settings.MetricsListenAddress); err != nil {
		return err
	}
	all.Go(func() error {
		if settings.LeaderElectionConfig.Enabled {
			if err := lead(ctx, all, shared, settings.LeaderElectionConfig, health.LeaderHealthzAdaptor); err != nil {
				return err
			}
		}
		return runControllers(ctx, all, factory, shared, names, settings.NumberOfConcurrentWorkers)
	})
	return all.Wait()
}

// lead returns when this replica is the leader; when it is one no longer, the whole group ends.
func lead(
	ctx context.Context, all *errgroup.Group, shared *controller.Context, election config.LeaderElectionConfig, watch *leaderelection.HealthzAdaptor,
) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	leading := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: election.Namespace, Name: lease},
			Client:     shared.Client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name, EventRecorder: shared.Recorder},
		},
		LeaseDuration:   election.LeaseDuration,
		RenewDeadline:   election.RenewDeadline,
		RetryPeriod:     election.RetryPeriod,
		ReleaseOnCancel: true,
		WatchDog:        watch,
		Name:            lease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(leading) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	all.Go(func() error {
		elector.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the lease %s was lost", lease)
	})
	select {
	case <-leading:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func runControllers(
	ctx context.Context, all *errgroup.Group, factory *controller.ContextFactory, shared *controller.Context, names []string, workers int,
) error {
	for _, name := range names {
		made, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		logf.FromContext(ctx).V(logf.InfoLevel).Info("starting", "controller", name)
		all.Go(func() error { return made.Run(workers, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return nil
}
