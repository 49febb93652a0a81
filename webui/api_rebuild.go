package webui

import (
	"encoding/json"
	"net/http"
	"time"

	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

func rebuildParams() []*huma.Param {
	return []*huma.Param{{Name: "extractors", In: "query", Description: "true: only attached files that could not be read, or were read by an earlier version.", Schema: &huma.Schema{Type: "boolean"}}}
}

// rebuildLine is a line of the answer of apiRebuild.
type rebuildLine struct {
	index.Progress
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"` // Why it was not done.
}

// apiRebuild tells its progress at most once a second. Who leaves does not stop it.
func (s *Server) apiRebuild(w http.ResponseWriter, r *http.Request) error {
	do := s.config.Index.Rebuild
	if r.URL.Query().Get("extractors") == "true" {
		do = s.config.Index.Reread
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out, flusher := json.NewEncoder(w), http.NewResponseController(w)
	var last time.Time
	err := do(r.Context(), func(p index.Progress) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		out.Encode(rebuildLine{Progress: p}) // Who does not listen misses the progress only.
		flusher.Flush()
	})
	line := rebuildLine{Done: err == nil}
	if err != nil {
		line.Error = err.Error()
	}
	return out.Encode(line)
}
