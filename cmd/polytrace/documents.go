package main

import "polytrace/document/child"

// documentsVerb is what the children of the index do.
type documentsVerb struct{}

func (documentsVerb) Run(c *call) error { return child.Serve(c.in, c.out) }
