package gateway

import (
	"container/list"
	"sync"
	"time"
)

// recent remembers a bounded number of things for a bounded time, and forgets
// those first that were put in first.
type recent[K comparable, V any] struct {
	most int
	age  time.Duration

	mu    sync.Mutex
	byKey map[K]*list.Element // guarded by mu
	order list.List           // of recentEntry, oldest first; guarded by mu
}

type recentEntry[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

func newRecent[K comparable, V any](most int, age time.Duration) *recent[K, V] {
	return &recent[K, V]{most: most, age: age, byKey: map[K]*list.Element{}}
}

func (r *recent[K, V]) get(key K, now time.Time) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.byKey[key]
	if !ok {
		return value, false
	}
	entry := e.Value.(recentEntry[K, V])
	return entry.value, now.Sub(entry.at) < r.age
}

func (r *recent[K, V]) put(key K, value V, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.byKey[key]; ok {
		r.order.Remove(e)
	}
	r.byKey[key] = r.order.PushBack(recentEntry[K, V]{key, value, now})
	for r.order.Len() > r.most {
		oldest := r.order.Remove(r.order.Front()).(recentEntry[K, V])
		delete(r.byKey, oldest.key)
	}
}
