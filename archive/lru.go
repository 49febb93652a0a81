package archive

import (
	"container/list"
	"sync"
)

// lru keeps what was used last, up to a total cost.
type lru[K comparable, V any] struct {
	limit int64
	drop  func(V) // Told of each value that leaves; may be nil.

	mu    sync.Mutex
	cost  int64
	order *list.List // Of *lruEntry, the last used in front; guarded by mu.
	byKey map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](limit int64, drop func(V)) *lru[K, V] {
	return &lru[K, V]{limit: limit, drop: drop, order: list.New(), byKey: map[K]*list.Element{}}
}

// get returns a value after use has been called on it, before it can leave.
func (c *lru[K, V]) get(key K, use func(V)) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	v = e.Value.(*lruEntry[K, V]).value
	if use != nil {
		use(v)
	}
	return v, true
}

// put adds a value, in place of one with the same key.
func (c *lru[K, V]) put(key K, v V, cost int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.removeLocked(e)
	}
	c.byKey[key] = c.order.PushFront(&lruEntry[K, V]{key, v, cost})
	c.cost += cost
	for c.cost > c.limit && c.order.Len() > 1 {
		c.removeLocked(c.order.Back())
	}
}

// removeIf removes the values whose keys are asked for.
func (c *lru[K, V]) removeIf(wanted func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.byKey {
		if wanted(key) {
			c.removeLocked(e)
		}
	}
}

func (c *lru[K, V]) removeLocked(e *list.Element) {
	entry := c.order.Remove(e).(*lruEntry[K, V])
	delete(c.byKey, entry.key)
	c.cost -= entry.cost
	if c.drop != nil {
		c.drop(entry.value)
	}
}
