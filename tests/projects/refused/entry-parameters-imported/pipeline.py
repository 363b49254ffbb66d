from steps import predict

__all__ = ["predict"]
