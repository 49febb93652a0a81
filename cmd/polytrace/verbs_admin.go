package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"polytrace/casework"

	"golang.org/x/term"
)

// userVerbs and tokenVerbs set the appliance up. They work before the first
// start too.
type (
	userVerbs struct {
		Add     userAdd     `cmd:"" help:"Add a user. The password is asked for, or read from standard input."`
		List    userList    `cmd:"" help:"List users."`
		Disable userDisable `cmd:"" help:"Disable a user and end all sessions."`
		Enable  userEnable  `cmd:"" help:"Enable a disabled user."`
		Reset   userReset   `cmd:"" help:"Set a new password. It is asked for, or read from standard input."`
	}
	tokenVerbs struct {
		Create tokenCreate `cmd:"" help:"Make a token and print it, and nothing else."`
		List   tokenList   `cmd:"" help:"List tokens, without their secrets."`
		Revoke tokenRevoke `cmd:"" help:"Revoke a token for good."`
	}
)

type userAdd struct {
	Name         string          `arg:"" help:"Sign-in name: small letters, digits, dots, dashes."`
	FullName     string          `help:"Name that people read; default the sign-in name."`
	Role         []casework.Role `help:"agent, specialist, manager, observer, compliance or admin; may be given several times." required:"" placeholder:"ROLE"`
	PasswordFile string          `help:"Read the password from the first line of a file." placeholder:"FILE"`
}

func (v userAdd) Run(c *call) error {
	password, err := c.password(v.PasswordFile)
	if err != nil {
		return err
	}
	in := map[string]any{"name": v.Name, "full_name": cmp.Or(v.FullName, v.Name), "roles": v.Role, "password": password}
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, http.MethodPost, "/users", nil, in, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.err, "%s may sign in.\n", v.Name)
		return err
	})
}

// password asks twice on a terminal, and reads one line of anything else. It
// never comes from the command line, where others could see it.
func (c *call) password(file string) (string, error) {
	if err := c.decides(); err != nil {
		return "", err
	}
	in := c.in
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		defer f.Close()
		in = f
	}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.askPassword(int(f.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("%w: a password is needed: type it, pipe it in, or name a file with --password-file", errUsage)
	}
	return line, nil
}

// decides refuses where the server follows another machine, before anybody
// types what is of no use.
func (c *call) decides() error {
	if !running(c.ctx, c.dir) {
		return nil
	}
	var s statusAnswer
	err := c.using(func(api *client) error { return api.get(c.ctx, "/status", nil, &s) })
	if err == nil && s.Archive.Following {
		err = errors.New("this machine only follows another one; change users there")
	}
	return err
}

func (c *call) askPassword(fd int) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(c.err, prompt)
		raw, err := term.ReadPassword(fd)
		fmt.Fprintln(c.err)
		return string(raw), err
	}
	first, err := ask("Password (at least 12 characters): ")
	if err != nil {
		return "", err
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

type userList struct{}

func (userList) Run(c *call) error {
	var answer struct{ Users []casework.User }
	return c.list("/users", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tFULL NAME\tROLES\tSTATE")
		for _, u := range answer.Users {
			state := "active"
			if u.Disabled {
				state = "disabled"
			}
			var roles []string
			for _, r := range u.Roles {
				roles = append(roles, string(r))
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", u.Name, printable(u.FullName), strings.Join(roles, ","), state)
		}
	})
}

// list gets a list and prints it as a table.
func (c *call) list(path string, answer any, print func(io.Writer)) error {
	return c.using(func(api *client) error {
		if err := api.get(c.ctx, path, nil, answer); err != nil {
			return err
		}
		out := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		print(out)
		return out.Flush()
	})
}

// change asks the API for one change and says that it was made.
func (c *call) change(method, path string, query url.Values, in any, done string) error {
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, method, path, query, in, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.err, done)
		return err
	})
}

type userDisable struct {
	Name   string `arg:""`
	Reason string `help:"Why; kept in the log."`
}

func (v userDisable) Run(c *call) error {
	return c.change(http.MethodPost, "/users/"+url.PathEscape(v.Name)+"/disable", url.Values{"reason": {v.Reason}}, nil, v.Name+" cannot sign in any more.")
}

type userEnable struct {
	Name string `arg:""`
}

func (v userEnable) Run(c *call) error {
	return c.change(http.MethodPost, "/users/"+url.PathEscape(v.Name)+"/enable", nil, nil, v.Name+" may sign in again.")
}

type userReset struct {
	Name         string `arg:""`
	PasswordFile string `help:"Read the password from the first line of a file." placeholder:"FILE"`
}

func (v userReset) Run(c *call) error {
	password, err := c.password(v.PasswordFile)
	if err != nil {
		return err
	}
	return c.change(http.MethodPost, "/users/"+url.PathEscape(v.Name)+"/password", nil, map[string]string{"password": password}, "The password of "+v.Name+" is changed; all sessions of it have ended.")
}

type tokenCreate struct {
	Name string        `arg:""`
	Role casework.Role `help:"What it may do: agent, specialist, manager, observer, compliance or admin." required:"" placeholder:"ROLE"`
}

func (v tokenCreate) Run(c *call) error {
	var answer struct{ Token string }
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, http.MethodPost, "/tokens", nil, v.body(), &answer); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.out, answer.Token)
		return err
	})
}

func (v tokenCreate) body() any {
	return map[string]any{"name": v.Name, "role": v.Role}
}

type tokenList struct{}

func (tokenList) Run(c *call) error {
	var answer struct{ Tokens []casework.Token }
	return c.list("/tokens", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tROLE\tMADE\tSTATE")
		for _, t := range answer.Tokens {
			state := "opens"
			if !t.Revoked.IsZero() {
				state = "revoked"
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", t.Name, t.Role, t.Created.Local().Format("2006-01-02"), state)
		}
	})
}

type tokenRevoke struct {
	Name string `arg:""`
}

func (v tokenRevoke) Run(c *call) error {
	return c.change(http.MethodDelete, "/tokens/"+url.PathEscape(v.Name), nil, nil, "The token "+v.Name+" opens nothing any more.")
}
