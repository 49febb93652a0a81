package archive

import (
	"errors"
	"testing"
)

// A record does not rely on the body of one that is removed.
func TestSightingOfRemovedRecordIsRefused(t *testing.T) {
	c := testConfig(newMemStore())
	c.Removed = func(at Address) bool { return at.Position == 0 }
	a := mustOpen(t, newMemDisk(), c)
	for i := range 2 {
		m := message(i)
		first := mustAppend(t, a, Mail, m, []byte("the same"))
		at := first.Address()
		m.SameAs, m.SHA256, m.Size = &at, first.SHA256, first.Size
		if _, err := a.Append(t.Context(), Mail, m, nil); errors.Is(err, ErrGone) != (i == 0) {
			t.Errorf("sighting of %s: %v", at, err)
		}
	}
}
