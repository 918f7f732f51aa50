{{/* Names are short: `<release>-<part>`. */}}
{{- define "q2.name" -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "q2.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "q2.labels" -}}
{{ include "q2.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "q2.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What every pod has: no root, no token unless it says so, where it may run. */}}
{{- define "q2.pod" -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "q2.container" -}}
image: {{ include "q2.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "q2.databaseUrl" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.existingSecret: name the Secret with the URL of PostgreSQL" .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end -}}

{{/* Addresses of all services but the pod's own, by names that resolve to every ready replica. */}}
{{- define "q2.peers" -}}
{{- $root := .root -}}
{{- $own := .part -}}
{{- range $service := keys $root.Values.services | sortAlpha }}
{{- if ne $service $own }}
- name: {{ $service | upper | replace "-" "_" }}_ADDRESS
  value: dns:///{{ include "q2.name" (dict "root" $root "part" (printf "%s-pods" $service)) }}:50051
{{- end }}
{{- end }}
{{- end -}}

{{- define "q2.serviceKeysSecret" -}}
{{- .Values.serviceKeys.existingSecret | default (include "q2.name" (dict "root" . "part" "service-keys")) -}}
{{- end -}}

{{- define "q2.operatorKeySecret" -}}
{{- .Values.operatorKey.existingSecret | default (include "q2.name" (dict "root" . "part" "operator-key")) -}}
{{- end -}}

{{- define "q2.operatorKeyName" -}}
{{- ternary .Values.operatorKey.key "operator.key" (ne .Values.operatorKey.existingSecret "") -}}
{{- end -}}

{{- define "q2.artifactsClaim" -}}
{{- .Values.artifacts.existingClaim | default (include "q2.name" (dict "root" . "part" "artifacts")) -}}
{{- end -}}

{{- define "q2.jobsNamespace" -}}
{{- .Values.jobs.namespace | default .Release.Namespace -}}
{{- end -}}

{{/* Whole seconds until a pod may be killed: longer than it takes to drain. */}}
{{- define "q2.graceSeconds" -}}
{{- add 10 (div (add .Values.shutdown.delayMs .Values.shutdown.timeoutMs 999) 1000) -}}
{{- end -}}
