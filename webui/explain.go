package webui

import (
	"context"
	"errors"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

type explainIn struct {
	Stream   string `path:"stream" example:"mail" doc:"Stream of the record."`
	Position uint64 `path:"position" example:"1042" doc:"Position in the stream, from 0."`
	Query    string `query:"q" doc:"The query."`
}

// apiExplain tells of each part of a query whether it holds for a record. It is noted
// as a search: it tells whether words are in a message.
func (s *Server) apiExplain(ctx context.Context, in *explainIn) (*body[index.Explanation], error) {
	at, err := recordIn{in.Stream, in.Position}.address()
	if err != nil {
		return nil, err
	}
	why, err := s.within(ctx).Explain(ctx, index.Request{Query: in.Query, Now: s.config.Now()}, at)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, notFound("record")
	}
	if err == nil {
		total := 0
		if why.Holds {
			total = 1
		}
		err = s.note(ctx, casework.SearchRun, 0, casework.AuditData{Query: in.Query, Total: total, Records: []archive.Address{at}})
	}
	if err != nil {
		return nil, err
	}
	return reply(*why), nil
}
