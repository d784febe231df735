package probe

import (
	"io"
	"net"
	"testing"
)

func TestAnOpenPortIsReachedAndAClosedOneIsNot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if code := Run([]string{"tcp", address, "--timeout", "1s"}, io.Discard, io.Discard); code != 0 {
		t.Errorf("open: exit code %d", code)
	}
	_ = listener.Close()
	if code := Run([]string{"tcp", address}, io.Discard, io.Discard); code != 1 {
		t.Errorf("closed: exit code %d", code)
	}
}

func TestWordsThatAreNotUnderstoodExitTwo(t *testing.T) {
	for _, words := range [][]string{nil, {"tcp"}, {"udp", "a:1"}, {"tcp", "nowhere"}, {"tcp", "a:1", "--timeout", "soon"}, {"tcp", "a:1", "b"}} {
		if code := Run(words, io.Discard, io.Discard); code != 2 {
			t.Errorf("%q: exit code %d", words, code)
		}
	}
}
