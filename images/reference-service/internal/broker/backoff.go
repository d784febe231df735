package broker

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstWait = 250 * time.Millisecond
	longest   = 10 * time.Second
)

// backoff waits longer after each failure, up to longest, with a random part so that replicas do not come all at once.
type backoff struct {
	failures int
}

func (b *backoff) next() time.Duration {
	full := longest
	if b.failures < 6 {
		full = min(longest, firstWait<<b.failures)
	}
	b.failures++
	return full/2 + rand.N(full/2)
}

func (b *backoff) reset() {
	b.failures = 0
}

// wait sleeps for the next time; it returns false when ctx ended meanwhile.
func (b *backoff) wait(ctx context.Context) bool {
	return sleep(ctx, b.next())
}

func sleep(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
