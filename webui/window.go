package webui

import (
	"net/http"
	"strconv"
)

const pageSize = 30 // Items on a page of a list.

// window is a page of a list: which items it shows, and where the pages beside
// it begin.
type window struct {
	From, End int
	Next      int // 0 at the end.
	Before    int // -1 at the beginning.
}

// windowOf is the page of a list that a request asks for with ?from=.
func windowOf(r *http.Request, total int) window {
	w := window{From: min(max(number0(r.FormValue("from")), 0), total), Before: -1}
	w.End = min(w.From+pageSize, total)
	if w.End < total {
		w.Next = w.End
	}
	if w.From > 0 {
		w.Before = max(0, w.From-pageSize)
	}
	return w
}

// number0 reads a number, 0 when there is none.
func number0(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
