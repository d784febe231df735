// Serves the official kubernetes provider. Its own main cannot be built from its package, because what it embeds is generated and not in it;
// schema.json and terraform-mapping.json are copied here from the package when this is built (see embeds in pins.yaml).
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

const version = "4.34.2"

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	provider.Serve("kubernetes", version, schema, terraformMapping)
}
