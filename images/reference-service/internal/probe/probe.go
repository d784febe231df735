// Package probe answers `service check`: whether something can be reached from inside this container.
package probe

import (
	"flag"
	"fmt"
	"io"
	"net"
	"time"
)

const usage = "usage: service check tcp HOST:PORT [--timeout 3s]"

// Run does what the words after `check` ask and returns the exit code: 0 reached, 1 not reached, 2 not understood.
func Run(words []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	timeout := flags.Duration("timeout", 3*time.Second, "")
	if len(words) < 2 || words[0] != "tcp" || flags.Parse(words[2:]) != nil || flags.NArg() > 0 {
		fmt.Fprintln(problems, usage)
		return 2
	}
	if _, _, err := net.SplitHostPort(words[1]); err != nil {
		fmt.Fprintf(problems, "%v\n%s\n", err, usage)
		return 2
	}
	started := time.Now()
	conn, err := net.DialTimeout("tcp", words[1], *timeout)
	if err != nil {
		fmt.Fprintln(problems, err)
		return 1
	}
	_ = conn.Close()
	fmt.Fprintf(out, "reached %s in %d ms\n", words[1], time.Since(started).Milliseconds())
	return 0
}
