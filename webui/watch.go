package webui

import (
	"context"
	"errors"
	"time"

	"polytrace/archive"
)

// keepLooking has a part of the appliance look at cases and their mail every so often, until ctx ends. It looks at
// nothing before everything is found that the archive had: a case whose mail is not indexed yet seems to have none, and
// what would be noted of it is not so. Wrong says in the log that a round failed.
func (s *Server) keepLooking(ctx context.Context, every time.Duration, wrong string, round func(context.Context) error) error {
	return s.keepOn(ctx, every, wrong, func(ctx context.Context) error {
		err := s.allFound(ctx, every)
		if err == nil {
			err = round(ctx)
		}
		if errors.Is(err, errUnfound) {
			return nil
		}
		return err
	})
}

// keepOn calls round every so often, until ctx ends.
func (s *Server) keepOn(ctx context.Context, every time.Duration, wrong string, round func(context.Context) error) error {
	for {
		if err := round(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.WarnContext(ctx, wrong, "error", err, "again_in", every)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// errUnfound says that the archive has records that cannot be found yet.
var errUnfound = errors.New("not all that was received is indexed yet")

// allFound waits for a while until everything can be found that the archive has now.
func (s *Server) allFound(ctx context.Context, atMost time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, atMost, errUnfound)
	defer cancel()
	for _, stream := range s.config.Archive.Streams() {
		if next := s.config.Archive.Next(stream); next > 0 && !stream.Ours() {
			if err := s.config.Index.WaitFor(ctx, archive.Address{Stream: stream, Position: next - 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
