package main

import (
	"encoding/json"
	"net/http"
	"time"

	"polytrace/archive"
	"polytrace/index"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newRegistry collects the figures of everything but the gateway, which adds
// its own.
func newRegistry(a *app) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), figures{a})
	return r
}

// figures are read from the archive and the index when they are asked for.
type figures struct{ *app }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("polytrace_"+name, help, labels, nil)
}

var (
	descBuild        = desc("build_info", "Version of the program; always 1.", "version")
	descRecords      = desc("archive_records_total", "Records accepted.", "stream")
	descInBucket     = desc("archive_in_bucket_records", "Records that are in the bucket.", "stream")
	descWaiting      = desc("archive_waiting_seconds", "Age of the oldest record that is not in the bucket yet.", "stream")
	descProven       = desc("archive_proven_records", "Records that a signed checkpoint covers.", "stream")
	descDrift        = desc("bucket_drift_objects", "Objects that are not as they should be, when the bucket was looked through last.", "kind")
	descPending      = desc("bucket_pending_deletes", "Objects that are to go and are locked.")
	descRetention    = desc("retention_failing", "1 when what is due could not be removed, or what is held not be found, the last time.")
	descCertificate  = desc("smtp_certificate_not_after_seconds", "When the certificate for STARTTLS ends, Unix time.")
	descSilent       = desc("smtp_queue_silent", "1 when no mail has come through the queue for longer than is usual, or than it says.", "queue")
	descLast         = desc("smtp_queue_last_received_seconds", "When mail last came through the queue, Unix time.", "queue")
	descCertBegins   = desc("smtp_certificate_not_before_seconds", "When the certificate for STARTTLS began, Unix time.")
	descCertFails    = desc("smtp_certificate_failing", "1 when the CA did not issue the next certificate for STARTTLS the last time it was asked.")
	descBroken       = desc("archive_broken", "1 when writing stopped after a failed write: no mail is taken in.")
	descBucketFails  = desc("archive_bucket_failing", "1 when the last upload failed.")
	descDamage       = desc("archive_damage_count", "Pieces that recovery set aside.")
	descFull         = desc("disk_full", "1 when less is free than the reserve: no mail is taken in.")
	descFree         = desc("disk_free_bytes", "Free on the disk of the data directory.")
	descLocal        = desc("archive_local_bytes", "Packs on the local disk.")
	descPackBytes    = desc("archive_bucket_bytes", "Packs in the bucket, compressed.")
	descBodyBytes    = desc("archive_body_bytes", "Bodies accepted, uncompressed.")
	descIndexUp      = desc("index_up", "1 when the index is open and goes on.")
	descLag          = desc("index_lag_records", "Records that are not searchable yet.")
	descDocuments    = desc("index_documents", "Messages that are searchable, all copies of one counted once.")
	descUnsearchable = desc("index_unsearchable_records", "Records whose text could not be read.")
	descIndexBytes   = desc("index_bytes", "The index on disk.")
	descRebuilding   = desc("index_rebuilding", "1 while the index is built anew beside the one that answers.")
	descRebuilt      = desc("index_rebuilt_records", "Records that the index which is built anew has.")
	descOlderReaders = desc("index_older_extractors_messages", "Messages whose attached files were read by an earlier version, or could not be looked at.")
)

func (f figures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

func (f figures) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descBuild, 1, version())
	f.collectArchive(f.archive.Status(), out, gauge)
	var st index.Status
	x := f.index.Load()
	if x != nil {
		st = x.Status()
	}
	gauge(descIndexUp, flag(x != nil && st.Failure == ""))
	gauge(descLag, float64(st.Lag))
	gauge(descDocuments, float64(st.Documents))
	gauge(descUnsearchable, float64(st.Unsearchable))
	gauge(descIndexBytes, float64(st.Bytes))
	gauge(descRebuilding, flag(st.Rebuild != nil))
	if st.Rebuild != nil {
		gauge(descRebuilt, float64(st.Rebuild.Records))
	}
	if e := st.Extractors; e != nil {
		gauge(descOlderReaders, float64(e.Older+e.Unread))
	}
	if f.intake != nil {
		in := f.intake()
		gauge(descCertificate, float64(in.Certificate.Unix()))
		for name, q := range in.Queues {
			gauge(descSilent, flag(q.Silent), name)
			if !q.Last.IsZero() {
				gauge(descLast, float64(q.Last.Unix()), name)
			}
		}
		gauge(descCertBegins, float64(in.CertificateBegins.Unix()))
		gauge(descCertFails, flag(in.CertificateFailure != ""))
	}
	if f.keeper != nil {
		gauge(descRetention, flag(f.keeper.Status().Failure != ""))
	}
}

func (f figures) collectArchive(st archive.Status, out chan<- prometheus.Metric, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, s := range st.Streams {
		name := string(s.Stream)
		out <- prometheus.MustNewConstMetric(descRecords, prometheus.CounterValue, float64(s.Next), name)
		gauge(descInBucket, float64(s.InBucket), name)
		gauge(descProven, float64(s.Proven), name)
		waiting := 0.0
		if !s.Oldest.IsZero() {
			waiting = time.Since(s.Oldest).Seconds()
		}
		gauge(descWaiting, waiting, name)
	}
	if d := st.Drift; d != nil {
		gauge(descDrift, float64(len(d.Missing)), "missing")
		gauge(descDrift, float64(len(d.Extra)), "extra")
		gauge(descDrift, float64(len(d.WrongSize)), "wrong_size")
		gauge(descDrift, float64(len(d.Unlocked)), "unlocked")
	}
	gauge(descPending, float64(len(st.Pending)))
	gauge(descBroken, flag(st.Broken != ""))
	gauge(descBucketFails, flag(st.Failure != ""))
	gauge(descDamage, float64(len(st.Damage)))
	gauge(descFull, flag(st.Full))
	gauge(descFree, float64(st.Free))
	gauge(descLocal, float64(st.Local))
	gauge(descPackBytes, float64(st.PackBytes))
	gauge(descBodyBytes, float64(st.BodyBytes))
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// opsHandler answers monitoring: /healthz that the process lives, /readyz
// whether it can do all of its work, with the reasons when it cannot.
func opsHandler(a *app, r *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reasons := a.unready()
		w.Header().Set("Content-Type", "application/json")
		if len(reasons) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(map[string]any{"ready": len(reasons) == 0, "reasons": reasons}) // Who left does not need it.
	})
	return mux
}

// unready lists why not all of the work can be done.
func (a *app) unready() []string {
	reasons := []string{}
	st := a.archive.Status()
	if st.Broken != "" {
		reasons = append(reasons, "the archive stopped writing: "+st.Broken)
	}
	if st.Full {
		reasons = append(reasons, "the disk is full: no mail is taken in")
	}
	if x := a.index.Load(); x == nil {
		reasons = append(reasons, "the index is not open; mail is taken in all the same")
	} else if failure := x.Status().Failure; failure != "" {
		reasons = append(reasons, "the index has stopped: "+failure)
	}
	return reasons
}
