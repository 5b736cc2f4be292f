"""State, features, trees and rules: from candidates to the final order."""
