// Waits until cert-manager's API takes objects, as the chart asks after it was installed: `startupapicheck check api --wait=1m`.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
)

const interval = time.Second

func main() {
	flags := pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
	wait := flags.Duration("wait", 0, "how long to wait; 0: ask once")
	flags.CountP("verbosity", "v", "accepted, and without meaning here")
	err := flags.Parse(os.Args[1:])
	if err == nil {
		err = check(*wait)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "startupapicheck: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("The cert-manager API is ready")
}

// check asks until the API takes a request, or until the wait is over.
func check(wait time.Duration) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	checker, err := cmapichecker.New(config, os.Getenv("POD_NAMESPACE"))
	if err != nil {
		return err
	}
	deadline := time.Now().Add(wait)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*interval)
		err = checker.Check(ctx)
		cancel()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		fmt.Printf("Not ready: %v\n", err)
		time.Sleep(interval)
	}
}
