package broker

import (
	"context"
	"testing"
	"time"
)

func TestWaitsGrowAndStayBelowTheLongest(t *testing.T) {
	var waits backoff
	for i := range 50 {
		wait := waits.next()
		if wait < firstWait/2 || wait > longest {
			t.Fatalf("wait %d is %v", i, wait)
		}
		if i > 6 && wait < longest/2 {
			t.Fatalf("wait %d is only %v", i, wait)
		}
	}
	waits.reset()
	if wait := waits.next(); wait > firstWait {
		t.Fatalf("after a success the first wait is %v", wait)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	started := time.Now()
	if sleep(ctx, time.Minute) || time.Since(started) > time.Second {
		t.Fatal("it slept on")
	}
}
