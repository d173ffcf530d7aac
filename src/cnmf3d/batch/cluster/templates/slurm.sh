#!/bin/bash
# {{ title }}
{{ mark }} --slurm, cnmf3d {{ version }}. Results appear in the run folder, and in the batch
# after `cnmf3d batch sync` or the next `cnmf3d batch run`. It deletes nothing.
#SBATCH --job-name={{ job }}
{% if array %}
#SBATCH --array={{ array }}
{% endif %}
#SBATCH --time={{ time }}
#SBATCH --mem={{ memory }}M
#SBATCH --cpus-per-task={{ cores }}
#SBATCH --output={{ output }}
#SBATCH --requeue
{% block directives %}{% endblock %}

set -u
{% block setup %}{% endblock %}

{{ folder }}
if [ ! -d "$folder" ]; then
    echo "there is no run folder $folder: has the batch moved? Export it again." >&2
    exit 3
fi
echo "computes $folder on $(hostname); what it writes is in log.txt there"
{% block compute %}
{{ command }}
{% endblock %}
