class CNMFParams:
    def __init__(self):
        self.groups = {}

    def set(self, group, values):
        self.groups.setdefault(group, {}).update(values)
