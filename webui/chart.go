package webui

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"polytrace/index"
)

// chart draws counts over time as bars. With link, each bar leads to what it counts, and says so
// to those who do not see it. It needs no style: colours come from the classes.
func chart(buckets []index.Bucket, one, many string, link func(index.Bucket) string) template.HTML {
	if len(buckets) == 0 {
		return ""
	}
	most, total := 1, 0
	for _, b := range buckets {
		most, total = max(most, b.Count), total+b.Count
	}
	const height = 40
	var out strings.Builder
	first, last := buckets[0], buckets[len(buckets)-1]
	from, to := first.Start.Format("2 Jan 2006"), last.End.Add(-time.Nanosecond).Format("2 Jan 2006")
	role := "img" // What is in an image is not told.
	if link != nil {
		role = "group"
	}
	fmt.Fprintf(&out, `<svg class="chart" viewBox="0 0 %d %d" preserveAspectRatio="none" role="%s" aria-label="%s from %s to %s, at most %d in a bar">`,
		len(buckets)*4, height, role, Count(total, one, many), from, to, most)
	for i, b := range buckets {
		tall := b.Count * (height - 2) / most
		if b.Count > 0 {
			tall = max(tall, 2)
		}
		name := bucketName(b) + ": " + Count(b.Count, one, many)
		bar := fmt.Sprintf(`<rect class="hit" x="%d" y="0" width="4" height="%d"/><rect class="bar" x="%d" y="%d" width="3" height="%d"/><title>%s</title>`,
			i*4, height, i*4, height-max(tall, 1), max(tall, 1), name)
		if link != nil && b.Count > 0 {
			fmt.Fprintf(&out, `<a href="%s" aria-label="%s">%s</a>`, template.HTMLEscapeString(link(b)), name, bar)
		} else {
			out.WriteString("<g>" + bar + "</g>")
		}
	}
	out.WriteString("</svg>")
	if link == nil {
		return template.HTML(out.String())
	}
	fmt.Fprintf(&out, `<p class="chart-ends" aria-hidden="true"><span>%s</span><span>up to %s</span><span>%s</span></p>`, from, number(most), to)
	return template.HTML(out.String())
}

// bucketName says which time a bar stands for.
func bucketName(b index.Bucket) string {
	switch days := b.End.Sub(b.Start).Hours() / 24; {
	case days <= 1:
		return b.Start.Format("Mon 2 Jan 2006")
	case days <= 8:
		return "week of " + b.Start.Format("2 Jan 2006")
	case days <= 31:
		return b.Start.Format("January 2006")
	}
	return b.Start.Format("2 Jan 2006") + " to " + b.End.Format("2 Jan 2006")
}
