package main

type demoVerb struct{}

func (demoVerb) Run(c *call) error { return nil }
