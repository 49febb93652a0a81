package main

import (
	"fmt"
	"net/http"
	"strings"

	"polytrace/archive"
)

type threadVerbs struct {
	Split threadSplit `cmd:"" help:"Take a message, and what answers it, out of its conversation."`
	Join  threadJoin  `cmd:"" help:"Make one conversation of two."`
	Undo  threadUndo  `cmd:"" help:"Take one of these back."`
}

// threadAnswer is what was decided, and which conversation the message is in now.
type threadAnswer struct {
	Decision archive.Position `json:"decision"`
	Thread   string           `json:"thread"`
}

type threadSplit struct {
	Address string `arg:"" help:"Address of the message, e.g. mail/1042."`
	Reason  string `required:"" help:"Why; shown beside the conversation." placeholder:"TEXT"`
}

func (v threadSplit) Run(c *call) error {
	return c.correct(v.Address, "split", map[string]string{"reason": v.Reason}, "is a conversation of its own now, with what answers it")
}

type threadJoin struct {
	Address string `arg:"" help:"Address of a message of one conversation, e.g. mail/1042."`
	With    string `arg:"" help:"Address of a message of the other one, or its ID, e.g. mail-17."`
	Reason  string `required:"" help:"Why; shown beside the conversation." placeholder:"TEXT"`
}

func (v threadJoin) Run(c *call) error {
	return c.correct(v.Address, "join", map[string]string{"with": v.With, "reason": v.Reason}, "is in one conversation with "+v.With+" now")
}

// correct decides about the conversation of a message, and prints which one it is in now.
func (c *call) correct(address, how string, in map[string]string, done string) error {
	path, err := recordPath(address)
	if err != nil {
		return err
	}
	return c.reading(func(api *client) error {
		var answer threadAnswer
		if err := api.do(c.ctx, http.MethodPost, path+"/"+how, nil, in, &answer); err != nil {
			return err
		}
		fmt.Fprintf(c.err, "%s %s. To take that back: polytrace thread undo %s/%d\n", address, done, archive.Ledger, answer.Decision)
		_, err := fmt.Fprintln(c.out, answer.Thread)
		return err
	})
}

type threadUndo struct {
	Decision string `arg:"" help:"The decision, e.g. ledger/412, as it was printed and as the API tells it with a conversation."`
}

func (v threadUndo) Run(c *call) error {
	decision := strings.TrimPrefix(v.Decision, string(archive.Ledger)+"/")
	if decision == "" || strings.Trim(decision, "0123456789") != "" {
		return fmt.Errorf("%w: %q is not a decision; write for example ledger/412", errUsage, v.Decision)
	}
	return c.change(http.MethodDelete, "/threads/decisions/"+decision, nil, nil, "The decision is taken back.")
}
