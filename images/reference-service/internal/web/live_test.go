package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func liveServer(t *testing.T) (live *Live, address string, stop func()) {
	t.Helper()
	stopping, mux, log := make(chan struct{}), http.NewServeMux(), slog.New(slog.NewJSONHandler(io.Discard, nil))
	live = NewLive(About{Context: "orders", Version: "1.2.3"}, stopping, log)
	live.Register(mux)
	server := httptest.NewServer(Logged(mux, log))
	t.Cleanup(server.Close)
	return live, server.URL + "/live", func() { close(stopping) }
}

func dial(t *testing.T, address string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, response, err
}

func mustDial(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	conn, _, err := dial(t, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if hello := read(t, conn); hello != `{"context":"orders","version":"1.2.3"}` {
		t.Fatalf("%s", hello)
	}
	return conn
}

func read(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func send(t *testing.T, conn *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	if err := conn.Write(context.Background(), kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestAWebsocketSaysWhoIsThereAndSendsTextBack(t *testing.T) {
	_, address, _ := liveServer(t)
	conn := mustDial(t, address)
	for _, text := range []string{"hello", "", strings.Repeat("ä", liveFrameBytesMax/2)} {
		send(t, conn, websocket.MessageText, text)
		if got := read(t, conn); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	}
}

func TestAWebsocketTakesNoLargeFrameAndNoBytes(t *testing.T) {
	_, address, _ := liveServer(t)
	for expected, sent := range map[websocket.StatusCode]struct {
		kind websocket.MessageType
		text string
	}{
		websocket.StatusMessageTooBig:   {websocket.MessageText, strings.Repeat("x", liveFrameBytesMax+1)},
		websocket.StatusUnsupportedData: {websocket.MessageBinary, "bytes"},
	} {
		conn := mustDial(t, address)
		send(t, conn, sent.kind, sent.text)
		_, _, err := conn.Read(t.Context())
		if websocket.CloseStatus(err) != expected {
			t.Errorf("%v, not %v", err, expected)
		}
	}
}

func TestOnlyPagesOfTheSameHostMayConnect(t *testing.T) {
	_, address, _ := liveServer(t)
	own := strings.TrimSuffix(address, "/live")
	if _, _, err := dial(t, address, http.Header{"Origin": {own}}); err != nil {
		t.Errorf("%v", err)
	}
	for _, origin := range []string{"https://elsewhere.example", "null"} {
		if _, response, err := dial(t, address, http.Header{"Origin": {origin}}); err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestWithoutAnUpgradeThereIsNoWebsocket(t *testing.T) {
	_, address, _ := liveServer(t)
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Fatalf("%d", response.StatusCode)
	}
}

func TestThereIsAnEndToConnectionsAndAPlaceIsFreeAgain(t *testing.T) {
	live, address, _ := liveServer(t)
	for range liveConnections - 1 {
		live.places <- struct{}{}
	}
	last := mustDial(t, address)
	if _, response, err := dial(t, address, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v", err)
	}
	_ = last.Close(websocket.StatusNormalClosure, "")
	live.Wait()
	for deadline := time.Now().Add(5 * time.Second); len(live.places) == liveConnections; {
		if time.Now().After(deadline) {
			t.Fatal("the place is not free again")
		}
		time.Sleep(time.Millisecond)
	}
	mustDial(t, address)
}

func TestAServiceThatStopsSaysSo(t *testing.T) {
	live, address, stop := liveServer(t)
	conn := mustDial(t, address)
	stop()
	_, _, err := conn.Read(t.Context())
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway {
		t.Fatalf("%v", err)
	}
	live.Wait()
}
