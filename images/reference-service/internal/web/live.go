package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	liveFrameBytesMax = 4 << 10
	liveConnections   = 100              // of one replica; nobody has to say who they are, so there is an end to it
	livePing          = 20 * time.Second // below every proxy's time without traffic
	liveTimeout       = 5 * time.Second
)

// Live is a websocket that says who is there and sends text back: the way for others is open, or it is not.
type Live struct {
	about    About
	stopping <-chan struct{}
	log      *slog.Logger
	places   chan struct{}
	open     sync.WaitGroup
}

// NewLive prepares the websocket of a service that closes its connections when stopping is closed.
func NewLive(about About, stopping <-chan struct{}, log *slog.Logger) *Live {
	return &Live{about: about, stopping: stopping, log: log, places: make(chan struct{}, liveConnections)}
}

// Register adds the websocket's path.
func (l *Live) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /live", l.serve)
}

// Wait returns when every connection has been closed.
func (l *Live) Wait() {
	l.open.Wait()
}

func (l *Live) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	default:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "too many are connected; try again")
		return
	}
	// Without options a browser's Origin must be the host that it asked; who is no browser sends none.
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		l.log.Warn("no websocket", "error", err.Error())
		return
	}
	l.open.Add(1)
	defer l.open.Done()
	defer conn.CloseNow()
	conn.SetReadLimit(liveFrameBytesMax)

	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.echo(ctx, conn)
	}()
	l.keep(ctx, conn, ended)
}

// keep asks whether the other side is still there until one of the two ends it.
func (l *Live) keep(ctx context.Context, conn *websocket.Conn, ended <-chan struct{}) {
	tick := time.NewTicker(livePing)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-l.stopping:
			_ = conn.Close(websocket.StatusGoingAway, "stopping")
			return
		case <-tick.C:
			asked, cancel := context.WithTimeout(ctx, liveTimeout)
			err := conn.Ping(asked)
			cancel()
			if err != nil {
				return
			}
		}
	}
}

// echo says who is there, then sends every text back until the connection ends.
func (l *Live) echo(ctx context.Context, conn *websocket.Conn) {
	text, err := json.Marshal(map[string]string{"context": l.about.Context, "version": l.about.Version})
	for err == nil {
		if err = write(ctx, conn, text); err != nil {
			return
		}
		var kind websocket.MessageType
		if kind, text, err = conn.Read(ctx); err == nil && kind != websocket.MessageText {
			_ = conn.Close(websocket.StatusUnsupportedData, "text only")
			return
		}
	}
}

func write(ctx context.Context, conn *websocket.Conn, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}
