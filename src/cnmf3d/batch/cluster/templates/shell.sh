#!/bin/bash
# {{ title }}
{{ mark }} --shell, cnmf3d {{ version }}. Results appear in the run folders, and in the batch
# after `cnmf3d batch sync` or the next `cnmf3d batch run`. It deletes nothing.

set -u
trap 'exit 130' INT
{% block setup %}{% endblock %}

failed=0
for folder in \
{% for folder in folders %}
    {{ folder }}{{ "" if loop.last else " \\" }}
{% endfor %}
do
    if [ ! -d "$folder" ]; then
        echo "there is no run folder $folder: has the batch moved? Export it again." >&2
        failed=1
        continue
    fi
    echo "$folder"
{% block compute %}
    {{ command }} || failed=1
{% endblock %}
done
exit "$failed"
