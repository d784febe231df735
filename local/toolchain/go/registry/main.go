// Command registry is the CNCF's distribution registry with the one storage that the local estate uses: its own main without the cloud
// vendors' storages, which are most of what it is compiled from.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
