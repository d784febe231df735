// Writes the CA of a webhook's certificate into the objects that tell the Kubernetes API server of that webhook.
package main

import (
	"context"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	apireg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cert-manager/cert-manager/cmd/start"
	config "github.com/cert-manager/cert-manager/internal/apis/config/cainjector"
	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector/scheme"
	_ "github.com/cert-manager/cert-manager/internal/cainjector/feature" // its feature gates
	"github.com/cert-manager/cert-manager/internal/kube"
	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	published "github.com/cert-manager/cert-manager/pkg/apis/config/cainjector/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"
)

// The lease that the chart's Role lets it take.
const lease = "cert-manager-cainjector-leader-election"

func main() {
	settings := &config.CAInjectorConfiguration{}
	start.Default(&published.CAInjectorConfiguration{}, settings, scheme.NewSchemeAndCodecs)
	start.Run("cainjector", start.Config[config.CAInjectorConfiguration]{
		Value: settings, Logging: &settings.Logging, Gates: &settings.FeatureGates, Flags: flags(settings), Codecs: scheme.NewSchemeAndCodecs,
	}, run)
}

func flags(settings *config.CAInjectorConfiguration) func(*pflag.FlagSet) {
	return func(target *pflag.FlagSet) {
		start.LeaderElectionFlags(target, &settings.LeaderElectionConfig)
		target.StringVar(&settings.KubeConfig, "kubeconfig", settings.KubeConfig, "where it does not run in the cluster")
		target.StringVar(&settings.Namespace, "namespace", settings.Namespace, "the only namespace whose Secrets and Certificates it reads")
		target.StringVar(&settings.MetricsListenAddress, "metrics-listen-address", settings.MetricsListenAddress, "0 for no metrics")
	}
}

func run(ctx context.Context, settings *config.CAInjectorConfiguration) error {
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, apiext.AddToScheme, apireg.AddToScheme, certmanager.AddToScheme} {
		if err := add(types); err != nil {
			return err
		}
	}
	server, err := kube.BuildClientConfig("", settings.KubeConfig)
	if err != nil {
		return err
	}
	election := settings.LeaderElectionConfig
	options := ctrl.Options{
		Scheme:                        types,
		LeaderElection:                election.Enabled,
		LeaderElectionID:              lease,
		LeaderElectionNamespace:       election.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &election.LeaseDuration,
		RenewDeadline:                 &election.RenewDeadline,
		RetryPeriod:                   &election.RetryPeriod,
		Metrics:                       metrics.Options{BindAddress: settings.MetricsListenAddress},
		// Of Secrets only the metadata is watched and kept; their data is read when it is needed.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
	}
	if settings.Namespace != "" {
		options.Cache.DefaultNamespaces = map[string]cache.Config{settings.Namespace: {}}
	}
	manager, err := ctrl.NewManager(util.RestConfigWithUserAgent(server, "cainjector"), options)
	if err != nil {
		return err
	}
	err = cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		Namespace:                    settings.Namespace,
		IgnoreNamespaces:             settings.IgnoreNamespaces,
		EnableCertificatesDataSource: settings.EnableDataSourceConfig.Certificates,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   settings.EnableInjectableConfig.MutatingWebhookConfigurations,
			cainjector.ValidatingWebhookConfigurationName: settings.EnableInjectableConfig.ValidatingWebhookConfigurations,
			cainjector.APIServiceName:                     settings.EnableInjectableConfig.APIServices,
			cainjector.CustomResourceDefinitionName:       settings.EnableInjectableConfig.CustomResourceDefinitions,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
