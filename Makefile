# make test installs what it needs on Debian and runs every test; the rest is
# for those who work on Polytrace.

export CGO_ENABLED = 0
VERSITYGW = v1.8.0
PEBBLE    = v2.10.1
MINIO     = v0.0.0-20260212201848-7aac2a2c5b7c
TOOLS     = $(CURDIR)/.tools
PACKAGES  = age chromium fonts-dejavu-core libgnutls-dane0 libidn12 libnet-ssleay-perl libnsl2 openssl postfix postfix-pcre strace swaks tesseract-ocr zstd
ROOT      = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: test test-full unit scripts real race lint build tools fuzz bench gates

test: lint unit scripts race real

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change: $$out"; exit 1; }
	go vet ./...
	go vet -tags real ./...
	go tool staticcheck ./...
	go tool staticcheck -tags real ./...

unit: build
	go test ./...

build:
	go build ./...

# Random histories of an archive. For an hour: make scripts SCRIPTS='-scripts-for 1h'
SCRIPTS = -scripts 2000
scripts:
	go test ./archive -run TestRandomScripts -timeout 0 $(SCRIPTS)

# Where many write at once. Some tests try thousands of histories, every bit of
# a file or each route of the pages one after the other, which the detector
# makes long and finds nothing in; so do proofs.
IN_TURN = AtEveryStep|EveryTurnedBit|EveryByteOfAHeader|EverySwapOf|MailOfAQueueIsShown|EveryRouteThatShows|WhatCannotBeNoted|LetsInWhoMay|LargeExport|ExportOfLarge|RefusedInWords|LongConversation|TheSignedLog
race:
	CGO_ENABLED=1 go test -race -timeout 30m -skip '$(IN_TURN)' ./archive ./archive/dirstore ./archive/s3store ./archive/tsa ./casework/... ./gateway/... ./webui

# Tests with a real S3 server, a real browser and real mail clients. They fail
# when one of these is missing. Those that need none have run before.
REAL = $(shell grep -l '^//go:build real' $$(git ls-files '*_test.go') | xargs grep -ho '^func Test[A-Za-z0-9_]*' | cut -c6- | paste -sd '|')
real: tools
	go test -count=1 -tags real -run '^($(REAL))$$' ./archive/... ./cmd/...

# The same with MinIO for a second opinion; building it takes minutes.
test-full: test
	GOBIN=$(TOOLS) go install github.com/minio/minio@$(MINIO)
	POLYTRACE_S3SERVER=$(TOOLS)/minio go test -count=1 -tags real ./archive/s3store

tools: $(TOOLS)/versitygw $(TOOLS)/exim4 $(TOOLS)/pebble
	@dpkg-query -W -f '$${Status}\n' $(PACKAGES) 2>/dev/null | grep -c '^install ok installed' | grep -qx $(words $(PACKAGES)) || { \
	$(ROOT) apt-get update -qq && \
	$(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); }
	@getent passwd Debian-exim >/dev/null || $(ROOT) adduser --system --group --quiet --no-create-home --home /nonexistent --force-badname Debian-exim

$(TOOLS)/versitygw:
	GOBIN=$(TOOLS) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW)

# Debian installs one mail server at a time, and here that is Postfix: of Exim
# the tests have the program alone, with the user that it looks for.
$(TOOLS)/exim4:
	$(ROOT) apt-get update -qq
	mkdir -p $(TOOLS)/deb
	cd $(TOOLS)/deb && apt-get download -qq exim4-daemon-light && dpkg-deb --fsys-tarfile exim4-daemon-light_*.deb | tar -xO ./usr/sbin/exim4 >exim4
	chmod 755 $(TOOLS)/deb/exim4
	mv $(TOOLS)/deb/exim4 $@
	rm -r $(TOOLS)/deb

# An ACME server, for the test of certificates.
$(TOOLS)/pebble:
	GOBIN=$(TOOLS) go install github.com/letsencrypt/pebble/v2/cmd/pebble@$(PEBBLE)

# How well mail is read, against what is true of mail that is made up: a table of
# gates, what is wanted and what was got. It fails when one is missed.
gates:
	go test -count=1 -v -run '^TestGates$$' ./internal/casegen

bench:
	go test -run '^$$' -bench . ./...

# Each fuzz target for a while: make fuzz FUZZTIME=5m
FUZZTIME = 20s
fuzz:
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
	echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p || exit 1; done; done
