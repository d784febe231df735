"""Everything the catalogue and a stack file may say: vocabulary, models, and the one place that reads them. No resources."""

from settings.catalogue import Catalogue
from settings.environment import ClusterSettings, EnvironmentSettings
from settings.errors import Mistake, SettingsError
from settings.load import Settings, load_program, load_stack

__all__ = ["Catalogue", "ClusterSettings", "EnvironmentSettings", "Mistake", "Settings", "SettingsError", "load_program", "load_stack"]
