package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"polytrace/outbound"
	"polytrace/webui"
)

// newNotify connects alerts to the relay and the webhook that are set up.
func newNotify(s settings) (webui.Notify, error) {
	n := webui.Notify{From: s.notify.from}
	password, err := secretIn("notify.password_file", s.notify.passwordFile)
	if err != nil {
		return n, err
	}
	secret, err := secretIn("notify.webhook_secret_file", s.notify.webhookSecretFile)
	if err != nil {
		return n, err
	}
	if s.notify.relay != "" {
		relay := outbound.Relay{Address: s.notify.relay, From: s.notify.from, Hello: s.smtp.hostname, Username: s.notify.username, Password: password}
		n.Mail = func(ctx context.Context, to string, message []byte) error {
			return handedOn(relay.Send(ctx, to, message))
		}
	}
	if s.notify.webhook != "" {
		hook := outbound.Webhook{URL: s.notify.webhook, Secret: secret, HTTP: outbound.Client(s.private, 30*time.Second)}
		n.Hook = func(ctx context.Context, payload []byte) error { return handedOn(hook.Post(ctx, payload)) }
	}
	return n, nil
}

// handedOn says in the words of the pages that another try would fail as well.
func handedOn(err error) error {
	if errors.Is(err, outbound.ErrRefused) {
		return fmt.Errorf("%w: %w", err, webui.ErrUndeliverable)
	}
	return err
}

// secretIn reads a secret from a file without the end of its line; "" where no file is named.
func secretIn(setting, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", fmt.Errorf("%s: there is nothing in %s", setting, file)
	}
	return secret, nil
}
