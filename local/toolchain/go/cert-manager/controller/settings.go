package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cert-manager/cert-manager/cmd/start"
	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1" // brings every controller along
	"github.com/cert-manager/cert-manager/internal/apis/config/controller/validation"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
)

// How long a scrape of the metrics may go on when the program ends.
const shutdownTime = 5 * time.Second

// flags are those that the chart passes, and those that running it elsewhere needs.
func flags(settings *config.ControllerConfiguration) func(*pflag.FlagSet) {
	return func(target *pflag.FlagSet) {
		http01, dns01, shim := &settings.ACMEHTTP01Config, &settings.ACMEDNS01Config, &settings.IngressShimConfig
		start.LeaderElectionFlags(target, &settings.LeaderElectionConfig.LeaderElectionConfig)
		text := func(value *string, name, what string) { target.StringVar(value, name, *value, what) }
		text(&settings.KubeConfig, "kubeconfig", "where it does not run in the cluster")
		text(&settings.Namespace, "namespace", "the only namespace that it works in")
		text(&settings.ClusterResourceNamespace, "cluster-resource-namespace", "where the Secrets of ClusterIssuers lie")
		text(&settings.MetricsListenAddress, "metrics-listen-address", "0 for no metrics")
		text(&settings.HealthzListenAddress, "internal-healthz-listen-address", "where it says that it lives")
		text(&http01.SolverImage, "acme-http01-solver-image", "image that answers HTTP01 challenges")
		text(&http01.SolverRuntimeClassName, "acme-http01-solver-runtime-class-name", "its runtime class")
		text(&shim.DefaultIssuerName, "default-issuer-name", "issuer of Ingresses that name none")
		text(&shim.DefaultIssuerKind, "default-issuer-kind", "its kind")
		text(&shim.DefaultIssuerGroup, "default-issuer-group", "its group")
		target.StringToStringVar(&http01.SolverExtraLabels, "acme-http01-solver-extra-labels", http01.SolverExtraLabels, "labels of what answers them")
		target.StringSliceVar(&settings.Controllers, "controllers", settings.Controllers, "* for the usual ones, -name for all but one")
		target.IntVar(&settings.MaxConcurrentChallenges, "max-concurrent-challenges", settings.MaxConcurrentChallenges, "how many at once")
		target.IntVar(&settings.NumberOfConcurrentWorkers, "concurrent-workers", settings.NumberOfConcurrentWorkers, "of each controller")
		target.BoolVar(&settings.EnableCertificateOwnerRef, "enable-certificate-owner-ref", settings.EnableCertificateOwnerRef,
			"remove a Secret with its Certificate")
		target.StringSliceVar(&dns01.RecursiveNameservers, "dns01-recursive-nameservers", dns01.RecursiveNameservers, "host:port of those it asks")
		target.BoolVar(&dns01.RecursiveNameserversOnly, "dns01-recursive-nameservers-only", dns01.RecursiveNameserversOnly, "ask no others")
		target.DurationVar(&dns01.CheckRetryPeriod, "dns01-check-retry-period", dns01.CheckRetryPeriod, "between two looks at a challenge")
	}
}

func contextOptions(settings *config.ControllerConfiguration) (controller.ContextOptions, error) {
	http01, dns01, shim := settings.ACMEHTTP01Config, settings.ACMEDNS01Config, settings.IngressShimConfig
	if settings.GatewayAPIConfig.Enabled {
		return controller.ContextOptions{}, errors.New("this build of the controller does not serve the Gateway API")
	}
	if err := validation.ValidateControllerConfiguration(settings, nil).ToAggregate(); err != nil {
		return controller.ContextOptions{}, err
	}
	var amounts [4]resource.Quantity
	for i, text := range []string{
		http01.SolverResourceRequestCPU, http01.SolverResourceRequestMemory, http01.SolverResourceLimitsCPU, http01.SolverResourceLimitsMemory,
	} {
		amount, err := resource.ParseQuantity(text)
		if err != nil {
			return controller.ContextOptions{}, fmt.Errorf("resources of the HTTP01 solver: %q: %w", text, err)
		}
		amounts[i] = amount
	}
	orSystems := func(servers []string) []string {
		if len(servers) == 0 {
			return util.RecursiveNameservers
		}
		return servers
	}
	return controller.ContextOptions{
		APIServerHost:      settings.APIServerHost, //nolint:staticcheck // deprecated, and still there
		Kubeconfig:         settings.KubeConfig,
		KubernetesAPIQPS:   settings.KubernetesAPIQPS,
		KubernetesAPIBurst: settings.KubernetesAPIBurst,
		Namespace:          settings.Namespace,
		IssuerOptions: controller.IssuerOptions{
			ClusterResourceNamespace:        settings.ClusterResourceNamespace,
			ClusterIssuerAmbientCredentials: settings.ClusterIssuerAmbientCredentials,
			IssuerAmbientCredentials:        settings.IssuerAmbientCredentials,
		},
		ACMEOptions: controller.ACMEOptions{
			HTTP01SolverImage:                 http01.SolverImage,
			HTTP01SolverResourceRequestCPU:    amounts[0],
			HTTP01SolverResourceRequestMemory: amounts[1],
			HTTP01SolverResourceLimitsCPU:     amounts[2],
			HTTP01SolverResourceLimitsMemory:  amounts[3],
			ACMEHTTP01SolverRunAsNonRoot:      http01.SolverRunAsNonRoot,
			HTTP01SolverRuntimeClassName:      http01.SolverRuntimeClassName,
			HTTP01SolverNameservers:           orSystems(http01.SolverNameservers),
			HTTP01SolverExtraLabels:           http01.SolverExtraLabels,
			DNS01Nameservers:                  orSystems(dns01.RecursiveNameservers),
			DNS01CheckAuthoritative:           !dns01.RecursiveNameserversOnly,
			DNS01CheckRetryPeriod:             dns01.CheckRetryPeriod,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerName:                 shim.DefaultIssuerName,
			DefaultIssuerKind:                 shim.DefaultIssuerKind,
			DefaultIssuerGroup:                shim.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: shim.DefaultAutoCertificateAnnotations,
			ExtraCertificateAnnotations:       shim.ExtraCertificateAnnotations,
		},
		CertificateOptions: controller.CertificateOptions{
			EnableOwnerRef:                           settings.EnableCertificateOwnerRef,
			CopiedAnnotationPrefixes:                 settings.CopiedAnnotationPrefixes,
			CertificateRequestMinimumBackoffDuration: settings.CertificateRequestMinimumBackoffDuration,
			CertificateRequestMaximumBackoffDuration: settings.CertificateRequestMaximumBackoffDuration,
		},
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: settings.MaxConcurrentChallenges},
	}, nil
}

// enabled is which controllers run: `*` are those that run by default, `-name` is one less, `name` one more.
func enabled(wanted []string, namespace string) ([]string, error) {
	var chosen []string
	for _, name := range wanted {
		without := strings.TrimPrefix(name, "-")
		switch {
		case name == "*":
			chosen = append(chosen, defaults.DefaultEnabledControllers...)
		case controller.Known()[without] == nil:
			return nil, fmt.Errorf("there is no controller %q", without)
		case name == without:
			chosen = append(chosen, name)
		}
	}
	slices.Sort(chosen)
	return slices.DeleteFunc(slices.Compact(chosen), func(name string) bool {
		return slices.Contains(wanted, "-"+name) || (namespace != "" && slices.Contains(defaults.ClusterScopedControllers, name))
	}), nil
}

// serveMetrics must come before the informers start, because it asks for some.
func serveMetrics(ctx context.Context, all *errgroup.Group, shared *controller.Context, address string) error {
	if address == "0" {
		return nil
	}
	objects := shared.SharedInformerFactory
	shared.Metrics.SetupACMECollector(objects.Acme().V1().Challenges().Lister())
	shared.Metrics.SetupCertificateCollector(objects.Certmanager().V1().Certificates().Lister())
	shared.Metrics.SetupIssuerCollector(objects.Certmanager().V1().Issuers().Lister())
	if shared.Namespace == "" {
		shared.Metrics.SetupClusterIssuerCollector(objects.Certmanager().V1().ClusterIssuers().Lister())
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := shared.Metrics.NewServer(listener)
	all.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	all.Go(func() error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		return server.Shutdown(last)
	})
	return nil
}
